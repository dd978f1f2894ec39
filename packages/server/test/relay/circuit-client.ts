import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeAccept, encodeCircuit, rejectWord, toHex } from "@lekt/protocol";
import { onTestFinished } from "vitest";

const ACCEPT = toHex(encodeAccept());

/** A peer at a relay: a real socket that shows its token, and keeps what comes. Gone at the end of its test. */
export class CircuitClient {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  /** The relay has ended its side, or the connection is gone. */
  ended = false;
  error: NodeJS.ErrnoException | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, bytes]);
      this.#wake();
    });
    socket.on("error", (error) => {
      this.error = error;
    });
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.ended = true;
        this.#wake();
      });
    }
    onTestFinished(() => {
      socket.destroy();
    });
  }

  /** @param early what is sent in one piece with the token. */
  static async connect(port: number, token: Uint8Array, early = ""): Promise<CircuitClient> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    await once(socket, "connect");
    socket.write(Buffer.concat([encodeCircuit(token), Buffer.from(early)]));
    return new CircuitClient(socket);
  }

  get isAccepted(): boolean {
    return this.bytes.subarray(0, ACCEPT.length / 2).toString("hex") === ACCEPT;
  }

  /** What came behind the Accept. */
  get text(): string {
    return this.bytes.subarray(ACCEPT.length / 2).toString();
  }

  async accepted(): Promise<this> {
    await this.until(() => this.isAccepted);
    return this;
  }

  async said(text: string): Promise<void> {
    await this.until(() => this.isAccepted && this.text === text);
  }

  /** Waits for a Reject and the end. @returns its message. */
  async rejection(): Promise<string> {
    await this.end();
    const message = this.bytes.subarray(8, -1).toString();
    if (this.bytes[4] !== "R".charCodeAt(0) || rejectWord(message) === "unknown") {
      throw new Error(`no Reject: ${this.bytes.toString("hex")}, ${this.error?.message}`);
    }
    return message;
  }

  /** Waits for the relay's end, ends the own side, and waits until the connection is gone. */
  async closed(): Promise<void> {
    await this.end();
    this.socket.end();
    while (!this.socket.closed) await this.#news();
  }

  /** Waits until the relay has ended its side. */
  async end(): Promise<void> {
    while (!this.ended) await this.#news();
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.ended) throw new Error(`the relay ended the connection: ${this.bytes.toString()}`);
      await this.#news();
    }
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
