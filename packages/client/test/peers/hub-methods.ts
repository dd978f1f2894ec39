import type { Duplex } from "node:stream";
import { type ConnectionMethod, LektError } from "@lekt/protocol";
import { LoopbackMethod } from "@lekt/testkit";
import type { PeerStream } from "../../src/peers/peer-stream.ts";
import type { HubPeer } from "./peer-hub.ts";

/** The next stream that comes with this label. */
export function accepted(peer: HubPeer, label = ""): Promise<PeerStream> {
  return new Promise((resolve) => {
    const remove = peer.connections.onConnection(label, (stream) => {
      remove();
      resolve(stream);
    });
  });
}

export function loop(options: Partial<ConstructorParameters<typeof LoopbackMethod>[0]> = {}): LoopbackMethod {
  return new LoopbackMethod({ name: "loop", index: 40, ...options });
}

/** A method that fails, or never comes to an end. */
export function stuck(
  name: string,
  index: number,
  dial: ConnectionMethod<Duplex>["dial"],
): ConnectionMethod<Duplex> {
  const inner = loop({ name, index });
  return {
    name,
    index,
    relayed: false,
    start: (host) => inner.start(host),
    learned: () => {},
    obstacle: () => undefined,
    dial,
    received: () => {},
    undeliverable: () => {},
    close: () => inner.close(),
  };
}

/** Dials until it is called off. */
export const neverThere: ConnectionMethod<Duplex>["dial"] = ({ signal, note }) =>
  new Promise((_, reject) => {
    note("it takes its time");
    signal.addEventListener("abort", () => reject(new LektError("LEKT_ABORTED", "Aborted.")), { once: true });
  });
