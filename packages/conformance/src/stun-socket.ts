import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { toHex } from "@lekt/protocol";
import { Failed } from "./check.ts";
import type { ServiceAddress } from "./named-service.ts";
import { Waiting } from "./waiting.ts";

/** Datagrams that wait to be read; a server that floods is not listened to any more. */
export const MAX_WAITING_DATAGRAMS = 64;
/** UDP loses datagrams: what gets no answer is sent again, at first after so long. */
const FIRST_REPEAT_MS = 250;

/** A UDP socket that speaks with one address. What others send to it is passed over. */
export class StunSocket {
  readonly #socket: Socket;
  readonly #to: ServiceAddress;
  readonly #patienceMs: number;
  readonly #received: Buffer[] = [];
  /** Transaction ids that are answered: a request that was sent twice may be answered twice. */
  readonly #answered = new Set<string>();
  readonly #waiting = new Waiting();
  #closed = false;

  private constructor(socket: Socket, to: ServiceAddress, patienceMs: number) {
    this.#socket = socket;
    this.#to = to;
    this.#patienceMs = patienceMs;
    socket.on("error", () => {});
    socket.on("message", (bytes, { address, port }) => {
      const isTaken = address === to.host && port === to.port && this.waiting < MAX_WAITING_DATAGRAMS;
      if (!isTaken || this.#answered.has(transactionId(bytes))) return;
      this.#received.push(bytes);
      this.#waiting.wake();
    });
  }

  static async open(to: ServiceAddress, patienceMs: number): Promise<StunSocket> {
    const socket = createSocket(to.isIpv6 ? "udp6" : "udp4");
    socket.bind(0);
    await once(socket, "listening");
    return new StunSocket(socket, to, patienceMs);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Datagrams that came and were not read yet. */
  get waiting(): number {
    return this.#received.length;
  }

  send(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.send(bytes, this.#to.port, this.#to.host, () => {});
  }

  /** The datagram that comes when this was sent, again and again; undefined where none does. */
  async ask(request: Uint8Array): Promise<Buffer | undefined> {
    const endMs = performance.now() + this.#patienceMs;
    for (let waitMs = FIRST_REPEAT_MS; performance.now() < endMs; waitMs *= 2) {
      this.send(request);
      const answer = await this.#waiting.until(() => this.#received.shift(), waitMs);
      if (!answer) continue;
      this.#answered.add(transactionId(request));
      return answer;
    }
    return undefined;
  }

  /** @throws Failed where a datagram comes. */
  async quiet(expected: string, quietMs: number): Promise<void> {
    const late = await this.#waiting.untilQuiet(() => this.#received.shift(), quietMs);
    if (late) throw new Failed(expected, toHex(late));
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}

function transactionId(message: Uint8Array): string {
  return toHex(message.subarray(8, 20));
}
