import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { addressOf } from "../harness/member.ts";
import { ENTRY_BYTES, HEARTBEAT, introduction, UPDATE_HEAD_BYTES, update } from "./wire.ts";

const HOST = "127.0.0.1";
const HOLDS = { holds: true };
/** An Accept, a Request for each of three methods, and the zero request (spec 3.7, 4.1). */
const SETUP_BYTES = 8 + 4 * 12;

/** A client that holds, and counts who it is told of. To the bare server it says the same. */
export class SocketClient {
  readonly #socket: Socket;
  readonly #number: number;
  readonly #isLekt: boolean;
  /** What is not read any more of what comes: the setup, entries, addresses. */
  #skip = 0;
  /** The beginning of a head that is not whole yet. */
  #rest: Buffer = Buffer.alloc(0);
  /** How many it is still to be told of. */
  #missing = 0;
  #letIn: () => void = () => {};
  #allTold: () => void = () => {};

  constructor(kind: "lekt" | "bare", port: number, number: number) {
    this.#number = number;
    this.#isLekt = kind === "lekt";
    this.#socket = connect({ host: HOST, port, localAddress: addressOf(number), noDelay: true });
    this.#socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#socket.on("end", () => {
      throw new Error(`client ${number} was cut off`);
    });
  }

  /** When it is let in: before that it may not ask for anything. */
  async joined(): Promise<void> {
    await once(this.#socket, "connect");
    if (!this.#isLekt) return;
    this.#skip = SETUP_BYTES;
    this.#socket.write(introduction(this.#number, HOLDS));
    await new Promise<void>((resolve) => {
      this.#letIn = resolve;
    });
  }

  /** Asks for the first time. @returns when it knows so many. */
  begin(clients: number): Promise<void> {
    const told = this.told(clients);
    this.#socket.write(HEARTBEAT);
    return told;
  }

  /** When it has been told of so many; of the bare server, when that has answered. */
  told(clients: number): Promise<void> {
    this.#missing = this.#isLekt ? clients : 1;
    return new Promise((resolve) => {
      this.#allTold = resolve;
    });
  }

  update(): void {
    this.#socket.write(update(this.#number));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at > 0) {
      const skipped = Math.min(this.#skip, bytes.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip === 0) this.#letIn();
      if (bytes.length - at < UPDATE_HEAD_BYTES) break;
      if (bytes[at + 4] !== 0x48)
        throw new Error(`client ${this.#number}: ${bytes.toString("utf8", at + 8)}`);
      this.#head(bytes[at + 16] === 0x41, bytes.readUIntBE(at + 17, 3));
      at += UPDATE_HEAD_BYTES;
    }
    this.#rest = bytes.subarray(at);
  }

  /** Of an Added or a Removed packet (spec 5.5, 5.7). */
  #head(adds: boolean, count: number): void {
    this.#skip = count * (adds ? ENTRY_BYTES : 4);
    if (adds) this.#missing -= count;
    if (!adds || count > 0) return;
    if (this.#isLekt) this.#socket.write(HEARTBEAT);
    else this.#missing--;
    if (this.#missing <= 0) this.#allTold();
  }
}
