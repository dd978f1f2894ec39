import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  concatBytes,
  encodeHandshake,
  encodeHeartbeat,
  LektError,
  type RejectPacket,
  type RejectWord,
} from "@lekt/protocol";
import { type Evidence, Failed } from "./check.ts";
import { ByteTail, evidenceOf } from "./evidence-text.ts";
import type { Reply } from "./roster-model.ts";
import { packetWords, type WholePacket, WholePacketReader } from "./server-packets.ts";
import { Waiting } from "./waiting.ts";

/** What one connection may send us in all: a server that floods is stopped there. */
export const MAX_RECEIVED_BYTES = 1_024 * 1_024;
/** … and how many packets may wait for a check to read them. */
export const MAX_WAITING_PACKETS = 4_096;
const SHOWN_PACKETS = 6;

export interface LineOptions {
  readonly host: string;
  readonly port: number;
  /** How long an answer is waited for. */
  readonly patienceMs: number;
}

/** One connection to the server that is checked. Nothing that comes is trusted, and every wait ends. */
export class Line {
  readonly socket: Socket;
  readonly patienceMs: number;
  /** What the connection broke off with. */
  error: NodeJS.ErrnoException | undefined;
  readonly #reader = new WholePacketReader();
  readonly #packets: WholePacket[] = [];
  readonly #sent = new ByteTail();
  readonly #received = new ByteTail();
  readonly #last: WholePacket[] = [];
  readonly #waiting = new Waiting();
  #ended = false;
  #rejected = false;
  /** Why what came cannot be read. */
  #fault: string | undefined;

  private constructor(socket: Socket, patienceMs: number) {
    this.socket = socket;
    this.patienceMs = patienceMs;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("error", (error) => {
      this.error = error;
    });
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.#ended = true;
        this.#waiting.wake();
      });
    }
  }

  /** @throws Failed where there is no connection within `patienceMs`. */
  static async open(options: LineOptions): Promise<Line> {
    return new Line(await openSocket(options), options.patienceMs);
  }

  get evidence(): Evidence {
    return evidenceOf(this.#sent, [], this.#received, this.#last.map(packetWords));
  }

  get receivedBytes(): number {
    return this.#received.total;
  }

  /** Whether the server has ended its side, or the connection is gone. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether bytes came that cannot be read, or that may not come. */
  get faulted(): boolean {
    return this.#fault !== undefined;
  }

  send(...packets: readonly Uint8Array[]): void {
    const bytes = concatBytes(packets);
    this.#sent.add(bytes);
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** One byte a segment. */
  async sendByteByByte(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      this.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next packet. @throws Failed where none comes, or none that can be read. */
  async next(expected: string, waitMs = this.patienceMs): Promise<WholePacket> {
    const packet = await this.#until(() => this.#packets.shift(), waitMs);
    if (packet) return packet;
    throw new Failed(expected, this.#nothing(waitMs));
  }

  /** The next packet if one comes in this time. */
  async poll(waitMs: number): Promise<WholePacket | undefined> {
    return await this.#until(() => this.#packets.shift(), waitMs);
  }

  /** @throws Failed where a packet comes, or the connection ends. */
  async quiet(expected: string, waitMs: number): Promise<void> {
    const packet = await this.#waiting.untilQuiet(() => this.#packets.shift(), waitMs, this.#isOver);
    if (packet) throw new Failed(expected, packetWords(packet));
    if (this.#fault !== undefined || this.#ended) throw new Failed(expected, this.#nothing(waitMs));
  }

  async accept(): Promise<void> {
    const packet = await this.next("an Accept");
    if (packet.type !== "accept") throw new Failed("an Accept", packetWords(packet));
  }

  /** A Handshake, and its Accept. */
  async greet(known: number, methods: Iterable<number>): Promise<void> {
    this.send(encodeHandshake(known, methods));
    await this.accept();
  }

  /** The Request for this method; 0: the one that ends the setup. */
  async request(method: number, expected = method === 0 ? "the zero request" : `Request ${method}`) {
    const packet = await this.next(expected);
    if (packet.type !== "request" || packet.method !== method)
      throw new Failed(expected, packetWords(packet));
  }

  /** A Reject with this word; what else is on its way before it is passed over. */
  async reject(word: RejectWord, why: string, waitMs = this.patienceMs): Promise<RejectPacket> {
    const expected = `a Reject "${word}" (${why})`;
    const endMs = performance.now() + waitMs;
    for (;;) {
      const packet = await this.next(expected, Math.max(0, endMs - performance.now()));
      if (packet.type !== "reject") continue;
      if (packet.word !== word) throw new Failed(expected, packetWords(packet));
      return packet;
    }
  }

  /** A whole reply. */
  async reply(expected = "a reply", waitMs = this.patienceMs): Promise<Reply> {
    const endMs = performance.now() + waitMs;
    const updates: Reply["updates"][number][] = [];
    for (;;) {
      const packet = await this.next(`${expected}, up to its end`, Math.max(0, endMs - performance.now()));
      if (packet.type !== "added" && packet.type !== "removed") {
        throw new Failed(`${expected}, up to its end`, packetWords(packet));
      }
      if (packet.type === "added" && packet.objects.length === 0) {
        return { updates, end: packet };
      }
      updates.push(packet);
    }
  }

  /** @param timestamp Unix seconds; which ones does not matter to anybody (spec 5.11). */
  heartbeat(timestamp = now()): void {
    this.send(encodeHeartbeat(timestamp));
  }

  /** Waits for the end of the server's side. */
  async end(expected: string, waitMs = this.patienceMs): Promise<void> {
    const ended = await this.#until(() => this.#ended || undefined, waitMs);
    if (!ended) throw new Failed(expected, `none within ${Math.round(waitMs)} ms`);
  }

  close(): void {
    this.socket.destroy();
  }

  #take(bytes: Uint8Array): void {
    this.#received.add(bytes);
    if (this.#fault !== undefined) return;
    if (this.#rejected) this.#fault = "bytes behind a Reject";
    if (this.#received.total > MAX_RECEIVED_BYTES) {
      this.#fault = `more than ${MAX_RECEIVED_BYTES} bytes`;
      this.socket.destroy();
    }
    if (this.#fault === undefined) this.#read(bytes);
    this.#waiting.wake();
  }

  #read(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    try {
      for (let packet = this.#reader.next(); packet; packet = this.#reader.next()) {
        this.#packets.push(packet);
        this.#last.push(packet);
        if (this.#last.length > SHOWN_PACKETS) this.#last.shift();
        if (this.#packets.length > MAX_WAITING_PACKETS) {
          this.#fault = `more than ${MAX_WAITING_PACKETS} packets that nobody asked for`;
          this.socket.destroy();
          return;
        }
        if (packet.type !== "reject") continue;
        this.#rejected = true;
        if (this.#reader.insidePacket) this.#fault = "bytes behind a Reject";
        return;
      }
    } catch (error) {
      if (!(error instanceof LektError)) throw error;
      this.#fault = error.message;
    }
  }

  #nothing(waitMs: number): string {
    if (this.#fault !== undefined) return `bytes that cannot be read: ${this.#fault}`;
    if (this.error) return `a broken connection (${this.error.code ?? this.error.message})`;
    if (this.#ended) return "the end of the server's stream";
    return `no packet within ${Math.round(waitMs)} ms`;
  }

  #until<T>(look: () => T | undefined, waitMs: number): Promise<T | undefined> {
    return this.#waiting.until(look, waitMs, this.#isOver);
  }

  readonly #isOver = () => this.#ended || this.#fault !== undefined;
}

/** @throws Failed where there is no connection within `patienceMs`. */
export async function openSocket({ host, port, patienceMs }: LineOptions): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(patienceMs) });
    return socket;
  } catch (error) {
    socket.on("error", () => {}).destroy();
    const { code, name } = error as NodeJS.ErrnoException;
    throw new Failed("a connection", name === "AbortError" || !code ? `none within ${patienceMs} ms` : code);
  }
}

function now(): bigint {
  return BigInt(Math.floor(Date.now() / 1_000));
}
