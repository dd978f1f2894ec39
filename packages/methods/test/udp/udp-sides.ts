import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { NetworkFacts, PeerSignal, PeerTarget } from "@lekt/protocol";
import { onTestFinished } from "vitest";
import { UdpMethod } from "../../src/udp/udp-method.ts";
import { FakeAttempt, type FakeHost, IDENTITY_A, IDENTITY_B, started } from "../fake-host.ts";

export interface Side {
  readonly method: UdpMethod;
  readonly host: FakeHost;
  readonly target: PeerTarget;
}

const LOOPBACK: NetworkFacts = {
  publicAddress: "127.0.0.1",
  publicPort: 1,
  localAddress: "::ffff:127.0.0.1",
  localPort: 1,
  relay: undefined,
  stun: [],
};

export async function side(identity: string, facts: Partial<NetworkFacts> = {}): Promise<Side> {
  const { method, host, payload } = await started(new UdpMethod({ portMapping: false }), identity);
  onTestFinished(() => method.close());
  const known = { ...LOOPBACK, ...facts };
  method.learned(known);
  return { method, host, target: { identity, address: known.publicAddress, payload } };
}

export type Change = (message: PeerSignal) => PeerSignal | undefined;

/** Passes signals on as a server does, those of `from` changed. */
export function passOn(from: Side, to: Side, change: Change = (message) => message): void {
  void (async () => {
    for (;;) {
      const { message } = await from.host.signals.next();
      const changed = change(JSON.parse(JSON.stringify(message)) as PeerSignal);
      if (changed) to.method.received(from.target, changed);
    }
  })();
}

export async function pair(facts: Partial<NetworkFacts> = {}, change?: Change): Promise<[Side, Side]> {
  const [a, b] = [await side(IDENTITY_A, facts), await side(IDENTITY_B, facts)];
  passOn(a, b, change);
  passOn(b, a, change);
  return [a, b];
}

export function destroyLater(stream: Duplex): void {
  stream.on("error", () => {});
  onTestFinished(() => {
    stream.destroy();
  });
}

export async function connected(a: Side, b: Side, attempt = new FakeAttempt(b.target)) {
  const [here, { path: there, by }] = await Promise.all([
    a.method.dial(attempt),
    b.host.acceptedPaths.next(),
  ]);
  for (const { stream } of [here, there]) destroyLater(stream);
  return { here, there, by };
}

/** The peers see addresses in the offers and answers of these rounds where nobody is. */
export function misled(rounds: number, deadPort: number): Change {
  return (message) => {
    if (typeof message["round"] !== "number" || message["round"] >= rounds) return message;
    return { ...message, candidates: [{ kind: "host", address: "127.0.0.1", port: deadPort }] };
  };
}

/** A UDP socket that nobody answers from. */
export async function deadSocket(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => {
    socket.close();
  });
  return socket.address().port;
}
