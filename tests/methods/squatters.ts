import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ConnectionMethod,
  encodeCircuit,
  encodeListeningPorts,
  encodeUdp,
  LektError,
  METHOD,
  type MethodHost,
  type PeerSignal,
  type PeerTarget,
} from "@lekt/protocol";

/** What somebody does who shows an identity and has not its key. */
export type Mischief = "is silent" | "talks junk" | "answers many times";

/** More than are followed at once. */
const MANY_ANSWERS = 9;
const FLOOD_INTERVAL_MS = 25;

/** What leads nowhere, and differs by number. */
const JUNK_OF: Readonly<Record<string, (number: number, round: unknown) => object>> = {
  tcp: (number) => ({ port: number }),
  udp: (number, round) => ({
    round,
    secret: hex(number, 16),
    stream: number,
    nat: "independent",
    candidates: [{ kind: "reflexive", address: "127.0.0.1", port: 9 }],
  }),
  relay: (number) => ({ token: hex(number, 32), relay: "127.0.0.1:9" }),
};

function hex(number: number, bytes: number): string {
  return number.toString(16).padStart(2 * bytes, "0");
}

/**
 * A method of a squatter: an open port at which nobody ever speaks, and no word on offers; or to each offer at once
 * answers that lead nowhere, a refusal, and an offer of its own; the same to an answer, whose attempt it knows by that;
 * or many answers, and at the relay it takes the place of the peer.
 */
export class MischiefMethod implements ConnectionMethod<Duplex> {
  readonly name: string;
  readonly index: number;
  readonly relayed: boolean;
  readonly #mischief: Mischief;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #closing = new AbortController();
  #host: MethodHost<Duplex> | undefined;

  constructor(name: "tcp" | "udp" | "relay", mischief: Mischief) {
    this.name = name;
    this.index = METHOD[name];
    this.relayed = name === "relay";
    this.#mischief = mischief;
    this.#server = createServer((socket) => {
      socket.on("error", () => {});
      this.#sockets.add(socket);
    });
  }

  async start(host: MethodHost<Duplex>): Promise<Uint8Array> {
    this.#host = host;
    if (this.name === "relay") return new Uint8Array(0);
    if (this.name === "udp") return encodeUdp({ port: 0, endpoints: [] });
    if (this.#mischief !== "is silent") return encodeListeningPorts({ port: 9, endpoints: [] });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return encodeListeningPorts({ port: (this.#server.address() as AddressInfo).port, endpoints: [] });
  }

  learned(): void {}

  obstacle(): string {
    return "it only receives";
  }

  async dial(): Promise<never> {
    throw new LektError("LEKT_CONNECT", "It only receives.");
  }

  received({ identity }: PeerTarget, message: PeerSignal): void {
    const { type, attempt } = message;
    if ((type !== "offer" && type !== "answer") || this.#mischief === "is silent") return;
    const say = (kind: string, rest: object = {}) =>
      this.#host?.signal(identity, { v: 1, type: kind, attempt, method: this.name, ...rest });
    if (this.#mischief === "answers many times") {
      if (type === "answer") return;
      if (this.name === "relay") this.#takePlace(message);
      for (let i = 1; i <= MANY_ANSWERS; i++) say("answer", JUNK_OF[this.name]?.(i, message["round"]));
      return;
    }
    say("answer", JUNK_OF[this.name]?.(7, 0));
    say("answer", { port: -1, token: "junk", candidates: "junk" });
    say("fail", { reason: "go away" });
    say("offer", JUNK_OF[this.name]?.(8, 2));
    say("go");
  }

  /** Offers on and on, each time as a new attempt. Resolves when so many were offered, and goes on. */
  async flood(identity: string, count: number): Promise<void> {
    await this.#offer(identity, 1, count);
    void this.#offer(identity, count + 1, Number.POSITIVE_INFINITY);
  }

  async #offer(identity: string, first: number, last: number): Promise<void> {
    const { signal } = this.#closing;
    for (let number = first; number <= last && !signal.aborted; number++) {
      const offer = { v: 1, type: "offer", attempt: hex(number, 8), method: this.name } as const;
      this.#host?.signal(identity, { ...offer, ...JUNK_OF[this.name]?.(number, 0) });
      await sleep(FLOOD_INTERVAL_MS, undefined, { signal }).catch(() => {});
    }
  }

  #takePlace({ token, relay }: PeerSignal): void {
    const [host = "", port] = String(relay).split(":");
    const socket = connect({ host, port: Number(port) });
    this.#sockets.add(socket.on("error", () => {}));
    socket.write(encodeCircuit(Buffer.from(String(token), "hex")));
  }

  undeliverable(): void {}

  async close(): Promise<void> {
    this.#closing.abort();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
