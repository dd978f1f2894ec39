import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type ConnectionMethod,
  encodeListeningPorts,
  encodeUdp,
  LektError,
  METHOD,
  type MethodHost,
  type PeerSignal,
  type PeerTarget,
} from "@lekt/protocol";

/** What somebody does who shows an identity and has not its key. */
export type Mischief = "is silent" | "talks junk";

const JUNK_OF: Readonly<Record<string, () => object>> = {
  tcp: () => ({ port: 9 }),
  udp: () => ({
    round: 0,
    secret: "ab".repeat(16),
    stream: 7,
    nat: "independent",
    candidates: [{ kind: "reflexive", address: "127.0.0.1", port: 9 }],
  }),
  relay: () => ({ token: "ab".repeat(32), relay: "127.0.0.1:9" }),
};

/**
 * A method of a squatter: an open port at which nobody ever speaks, and no word on offers; or to each offer at once
 * answers that lead nowhere, a refusal, and an offer of its own; the same to an answer, whose attempt it knows by that.
 */
export class MischiefMethod implements ConnectionMethod<Duplex> {
  readonly name: string;
  readonly index: number;
  readonly relayed: boolean;
  readonly #mischief: Mischief;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
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
    if (this.#mischief === "talks junk") return encodeListeningPorts({ port: 9, endpoints: [] });
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

  received({ identity }: PeerTarget, { type, attempt }: PeerSignal): void {
    if ((type !== "offer" && type !== "answer") || this.#mischief === "is silent") return;
    const say = (kind: string, rest: object = {}) =>
      this.#host?.signal(identity, { v: 1, type: kind, attempt, method: this.name, ...rest });
    say("answer", JUNK_OF[this.name]?.());
    say("answer", { port: -1, token: "junk", candidates: "junk" });
    say("fail", { reason: "go away" });
    say("offer", { ...JUNK_OF[this.name]?.(), secret: "cd".repeat(16), round: 2 });
    say("go");
  }

  undeliverable(): void {}

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
