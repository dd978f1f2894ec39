import type { Duplex } from "node:stream";
import { type ConnectionMethod, METHOD, type MethodInfo, toHex } from "@lekt/protocol";
import { LoopbackMethod } from "@lekt/testkit";
import { onTestFinished } from "vitest";
import { type Peer, peerOf } from "../../src/peer.ts";
import { createIdentity, type LektIdentity } from "../../src/peers/identity.ts";
import { CONNECT_PACE, type ConnectPace, PeerConnections } from "../../src/peers/peer-connections.ts";

export interface HubPeerOptions {
  readonly methods?: readonly ConnectionMethod<Duplex>[];
  readonly networkKey?: Uint8Array;
  readonly identity?: LektIdentity;
  readonly name?: string;
  readonly pace?: Partial<ConnectPace>;
}

/** A peer without a server: its roster is what the test shows it, its signals go straight to the others. */
export class HubPeer {
  readonly connections: PeerConnections;
  readonly identity: Uint8Array;
  /** Of everything it publishes, as the others see it. */
  readonly asPeer: Peer;
  /** Signals that it sent. */
  signals = 0;
  readonly #roster = new Map<string, Peer>();

  constructor(connections: PeerConnections, asPeer: Peer, hub: PeerHub) {
    this.connections = connections;
    this.identity = connections.identity;
    this.asPeer = asPeer;
    connections.attach({
      peersWith: (identity) => {
        const peer = this.#roster.get(toHex(identity));
        return peer ? [peer] : [];
      },
      signal: (to, payload) => {
        this.signals++;
        hub.deliver(this, to, payload);
        return true;
      },
      publish: () => {},
    });
  }

  /** The other one comes into its roster. */
  meet(other: Pick<HubPeer, "identity" | "asPeer">): void {
    this.#roster.set(toHex(other.identity), other.asPeer);
    this.connections.rosterChanged();
  }
}

export class PeerHub {
  readonly #peers = new Map<string, HubPeer>();

  async join(options: HubPeerOptions = {}): Promise<HubPeer> {
    const identity = options.identity ?? (await createIdentity());
    const methods = options.methods ?? [new LoopbackMethod({ name: "loop", index: 40 })];
    const settings = { methods, identity, networkKey: options.networkKey };
    const connections = new PeerConnections(settings, { ...CONNECT_PACE, ...options.pace });
    onTestFinished(() => connections.close());
    const published: MethodInfo[] = [{ index: METHOD.identity, payload: identity.fingerprint }];
    for (const [index, payload] of await connections.start()) published.push({ index, payload });
    if (options.name) published.push({ index: METHOD.name, payload: Buffer.from(options.name) });
    const peer = new HubPeer(connections, peerOf("1", { ip: 0x7f000001, methods: published }, false), this);
    this.#peers.set(toHex(identity.fingerprint), peer);
    return peer;
  }

  /** Two peers in each other's rosters. */
  async pair(a: HubPeerOptions = {}, b: HubPeerOptions = {}): Promise<[HubPeer, HubPeer]> {
    const [first, second] = [await this.join(a), await this.join(b)];
    first.meet(second);
    second.meet(first);
    return [first, second];
  }

  /** What nobody gets comes back, as a server does it (spec 8.1). */
  deliver(from: HubPeer, to: Uint8Array, payload: Uint8Array): void {
    const receiver = this.#peers.get(toHex(to));
    queueMicrotask(() => {
      if (receiver) receiver.connections.received(from.identity, payload);
      else from.connections.received(to, new Uint8Array(0));
    });
  }
}
