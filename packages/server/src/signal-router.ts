import { decodeUtf8, encodeSignal, encodeUtf8, equalBytes, SERVER_IDENTITY } from "@lekt/protocol";
import type { ReplyWriter } from "./reply-writer.ts";
import type { Services } from "./services.ts";
import type { Visitor } from "./visitor.ts";

const NOTHING = new Uint8Array(0);

/** Passes signals on between the clients of a network, best effort (spec 8.1). */
export class SignalRouter {
  readonly #replies: ReplyWriter;
  readonly #nowMs: () => number;
  readonly #services: Services | undefined;

  constructor(replies: ReplyWriter, nowMs: () => number, services: Services | undefined) {
    this.#replies = replies;
    this.#nowMs = nowMs;
    this.#services = services;
  }

  /** Who is over its rate or reaches nobody gets the signal back, empty (spec 8.1.4). */
  route(sender: Visitor, to: Uint8Array, payload: Uint8Array): void {
    const nowMs = this.#nowMs();
    let copies = 0;
    if (sender.session.maySignal(nowMs)) {
      copies = equalBytes(to, SERVER_IDENTITY)
        ? this.#answer(sender, payload)
        : this.#deliver(sender, to, payload);
      sender.session.signalled(nowMs, copies);
    }
    if (copies === 0) this.#replies.signal(sender, encodeSignal(to, NOTHING));
  }

  #deliver(sender: Visitor, to: Uint8Array, payload: Uint8Array): number {
    const { network, session } = sender;
    if (!network || !session.signalIdentity) return 0;
    const packet = encodeSignal(session.signalIdentity, payload);
    let copies = 0;
    for (const receiver of network.listenersOf(to)) {
      if (receiver !== sender && this.#replies.signal(receiver, packet)) copies++;
    }
    return copies;
  }

  #answer(sender: Visitor, payload: Uint8Array): number {
    // Who shows the server's own identity is answered nothing (spec 8.1.6).
    if (!sender.session.signalIdentity) return 0;
    const circuit = wantOf(payload) === "circuit" ? this.#services?.grantCircuit(sender.link) : undefined;
    if (!circuit) return 0;
    this.#replies.signal(sender, encodeSignal(SERVER_IDENTITY, encodeUtf8(JSON.stringify(circuit))));
    return 1;
  }
}

function wantOf(payload: Uint8Array): unknown {
  try {
    const request: { want?: unknown } | null = JSON.parse(decodeUtf8(payload) ?? "null");
    return request?.want;
  } catch {
    return undefined;
  }
}
