import type { Socket } from "node:net";
import { encodeCircuit, encodeUtf8 } from "@lekt/protocol";
import { type Evidence, Failed } from "./check.ts";
import { ByteTail, evidenceOf } from "./evidence-text.ts";
import { rawHeader } from "./raw-packets.ts";
import { Waiting } from "./waiting.ts";

const ACCEPT_BYTES = 8;
/** The checks send a few words; who gets more has a relay that makes up its own. */
export const MAX_CIRCUIT_BYTES = 65_536;

/** One end of a circuit: a connection to a relay, with a token. Behind the Accept come the other end's bytes (spec 8.2.4). */
export class CircuitEnd {
  readonly socket: Socket;
  readonly #patienceMs: number;
  readonly #sent = new ByteTail();
  readonly #received = new ByteTail();
  readonly #waiting = new Waiting();
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;
  #error: NodeJS.ErrnoException | undefined;

  /** @param early what is sent right behind the token. */
  constructor(socket: Socket, patienceMs: number, token: Uint8Array, early = "") {
    this.socket = socket;
    this.#patienceMs = patienceMs;
    socket.on("data", (bytes: Buffer) => {
      this.#received.add(bytes);
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      if (this.#bytes.length > MAX_CIRCUIT_BYTES) socket.destroy();
      this.#waiting.wake();
    });
    socket.on("error", (error) => {
      this.#error = error;
    });
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.#ended = true;
        this.#waiting.wake();
      });
    }
    this.#write(encodeCircuit(token));
    if (early) this.say(early);
  }

  get evidence(): Evidence {
    return evidenceOf(this.#sent, [], this.#received, []);
  }

  say(text: string): void {
    this.#write(encodeUtf8(text));
  }

  /** The other end is there. */
  async accepted(why: string): Promise<void> {
    const expected = `an Accept (${why})`;
    const head = await this.#take(ACCEPT_BYTES, expected);
    if (!head.subarray(0, 5).equals(rawHeader("A").subarray(0, 5))) throw new Failed(expected, shown(head));
  }

  /** Just this comes from the other end. */
  async hears(text: string, why: string): Promise<void> {
    const expected = `${JSON.stringify(text)} (${why})`;
    const bytes = await this.#take(text.length, expected);
    if (bytes.toString() !== text) throw new Failed(expected, shown(bytes));
  }

  /** The other end's direction has ended, and nothing came before that. */
  async hearsEnd(why: string): Promise<void> {
    const expected = `the end of the other side's bytes (${why})`;
    await this.#waiting.until(() => this.#ended || undefined, this.#patienceMs);
    if (this.#bytes.length > 0) throw new Failed(expected, shown(this.#bytes));
    if (!this.#ended) throw new Failed(expected, this.#nothing());
  }

  close(): void {
    this.socket.destroy();
  }

  #write(bytes: Uint8Array): void {
    this.#sent.add(bytes);
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  async #take(length: number, expected: string): Promise<Buffer> {
    const isThere = () => this.#bytes.length >= length || undefined;
    if (!(await this.#waiting.until(isThere, this.#patienceMs, () => this.#ended)))
      throw new Failed(expected, this.#bytes.length > 0 ? shown(this.#bytes) : this.#nothing());
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  #nothing(): string {
    if (this.#error) return `a broken connection (${this.#error.code ?? this.#error.message})`;
    return this.#ended ? "the end of the connection" : `nothing more within ${this.#patienceMs} ms`;
  }
}

function shown(bytes: Buffer): string {
  return JSON.stringify(bytes.toString("latin1", 0, 100));
}
