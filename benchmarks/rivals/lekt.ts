import { connect as connectTcp, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import {
  encodeHandshake,
  encodeHeartbeat,
  encodeHold,
  encodeResponse,
  MAX_HOLD_MS,
  METHOD,
} from "@lekt/protocol";
import { FORTY } from "../harness/forty-bytes.ts";
import { addressOf, type Member } from "../harness/member.ts";
import type { Connection, Rival, ServerAddress } from "../harness/rival.ts";

const LEKT = fileURLToPath(new URL("../../packages/cli/bin/lekt.js", import.meta.url));
/** A benchmark is no stranger, but all it opens comes from one machine. */
const LIMITS = ["--max-clients", "16384", "--max-connections-per-second", "100000"];

export const rival: Rival = {
  name: "lekt",
  title: "LEKT",
  cannot: [],
  server: {
    program: (host) => ({
      command: process.execPath,
      args: [LEKT, "serve", "--host", host, "--port", "0", "--json", "--log-level", "warn", ...LIMITS],
      addressIn: (line) => {
        const { url } = JSON.parse(line) as { url: string };
        const { hostname, port } = new URL(url);
        return { host: hostname, port: Number(port) };
      },
    }),
  },
  connect: (server, member) => new LektClient(server, member).published,
};

const METHODS = [METHOD.data, METHOD.hold];
const HANDSHAKE = encodeHandshake(METHOD.hold, METHODS);
const HOLD = encodeResponse(METHOD.hold, encodeHold(MAX_HOLD_MS));
/** Size, IP, one method with its length, forty bytes (spec 5.6). */
const ENTRY_BYTES = 12 + FORTY;

/**
 * A client that reads no more of the protocol than the work needs, so that the load is the server's; each
 * byte of an entry is checked.
 */
class LektClient implements Connection {
  readonly published: Promise<Connection>;
  readonly #socket: Socket;
  readonly #member: Member;
  #isPublished: (client: Connection) => void = () => {};
  #setup = true;
  /** The beginning of what is not whole yet. */
  #rest: Buffer = Buffer.alloc(0);
  /** How many entries or addresses of the current update are still to come. */
  #remaining = 0;
  #adds = true;

  constructor(server: ServerAddress, member: Member) {
    this.#member = member;
    this.#socket = connectTcp({ ...server, localAddress: member.address, noDelay: true });
    this.published = new Promise((resolve, reject) => {
      this.#isPublished = resolve;
      this.#socket.on("error", reject);
    });
    this.#socket.on("connect", () => this.#socket.write(HANDSHAKE));
    this.#socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#socket.on("error", (error) => member.fail(error.message));
    this.#socket.on("end", () => member.fail("the server ended the connection"));
  }

  leave(): void {
    this.#socket.removeAllListeners("end").destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    // All answers of the setup go out as one.
    this.#socket.cork();
    for (;;) {
      const length = this.#setup ? this.#setupPacket(bytes, at) : this.#piece(bytes, at);
      if (length === 0) break;
      at += length;
    }
    this.#socket.uncork();
    this.#rest = bytes.subarray(at);
  }

  /** Accept or Request. @returns its length, 0 where it is not whole. */
  #setupPacket(bytes: Buffer, at: number): number {
    if (bytes.length < at + 8) return 0;
    if (bytes[at + 4] === 0x41) return 8;
    if (bytes[at + 4] !== 0x54) return this.#reject(bytes, at);
    if (bytes.length < at + 12) return 0;
    const method = bytes.readUInt32BE(at + 8);
    if (method === METHOD.data) this.#socket.write(encodeResponse(METHOD.data, this.#member.fortyBytes()));
    else if (method === METHOD.hold) this.#socket.write(HOLD);
    else {
      this.#setup = false;
      this.#isPublished(this);
      this.#heartbeat();
    }
    return 12;
  }

  /** The head of an update, or one entry or address of it. */
  #piece(bytes: Buffer, at: number): number {
    if (this.#remaining > 0) return this.#adds ? this.#entry(bytes, at) : this.#removed(bytes, at);
    if (bytes.length < at + 8) return 0;
    if (bytes[at + 4] !== 0x48) return this.#reject(bytes, at);
    if (bytes.length < at + 20) return 0;
    this.#adds = bytes[at + 16] === 0x41;
    this.#remaining = bytes.readUIntBE(at + 17, 3);
    if (this.#adds && this.#remaining === 0) {
      this.#member.settle();
      this.#heartbeat();
    }
    return 20;
  }

  #entry(bytes: Buffer, at: number): number {
    if (bytes.length < at + 4 + ENTRY_BYTES) return 0;
    if (bytes.readUInt32BE(at) !== ENTRY_BYTES) this.#member.fail("learned of an entry of another size");
    const number = this.#member.learn(bytes, at + 4 + ENTRY_BYTES - FORTY);
    if (bytes.readUInt32BE(at + 4) !== ipOf(number))
      this.#member.fail(`learned of ${number} at another address`);
    this.#remaining--;
    return 4 + ENTRY_BYTES;
  }

  #removed(bytes: Buffer, at: number): number {
    if (bytes.length < at + 4) return 0;
    this.#member.forget(bytes.readUInt32BE(at) - FIRST_IP);
    this.#remaining--;
    return 4;
  }

  #reject(bytes: Buffer, at: number): number {
    this.#member.fail(`was refused: ${bytes.toString("utf8", at + 8, at + 200)}`);
    this.#socket.destroy();
    return 0;
  }

  #heartbeat(): void {
    this.#socket.write(encodeHeartbeat(BigInt(Math.floor(Date.now() / 1_000))));
  }
}

const FIRST_IP = addressOf(0)
  .split(".")
  .reduce((ip, byte) => ip * 256 + Number(byte), 0);

/** Each member has an address of its own, so that the address tells who left. */
function ipOf(number: number): number {
  return FIRST_IP + number;
}
