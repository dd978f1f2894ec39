import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { type RelayMethodOptions, relay } from "@lekt/methods/relay";
import type {
  Circuit,
  ConnectionMethod,
  DialAttempt,
  MethodHost,
  PeerSignal,
  PeerTarget,
  RawPath,
} from "@lekt/protocol";
import { CircuitIssuer, createRelay } from "@lekt/server";
import { onTestFinished } from "vitest";

const KEY = randomBytes(32);
const issuer = new CircuitIssuer(KEY);

/** A relay alone, for this test. @returns host:port */
export async function listeningRelay(): Promise<string> {
  const server = createRelay({ key: KEY, host: "127.0.0.1", port: 0, maxConnectionsPerSecond: 100_000 });
  onTestFinished(() => server.close());
  await server.listen();
  return `127.0.0.1:${server.address?.port}`;
}

/** A room as the method sees it: signals go through the test's hands. */
export class RelayPeer implements MethodHost<Duplex> {
  readonly identity: string;
  readonly method: ConnectionMethod<Duplex>;
  readonly acceptedPaths: { path: RawPath<Duplex>; by: { identity: string; attempt: string } | undefined }[] =
    [];
  readonly sent: PeerSignal[] = [];
  /** Who gets what it signals; a test may put itself in between. */
  deliver: (to: string, message: PeerSignal) => void = () => {};
  circuit: () => Promise<Circuit>;
  #wake: () => void = () => {};

  constructor(letter: string, relayAddress: string, options?: RelayMethodOptions) {
    this.identity = letter.repeat(64);
    this.method = relay(options);
    this.circuit = async () => {
      const grant = issuer.issue(Math.floor(Date.now() / 1_000), relayAddress);
      return { token: grant.circuit, relay: grant.relay, expiresUnixSeconds: grant.expires };
    };
    onTestFinished(async () => {
      await this.method.close();
      for (const { path } of this.acceptedPaths) path.stream.destroy();
    });
  }

  /** Its server's relay is this one. */
  async start(ownRelay: string | undefined): Promise<this> {
    await this.method.start(this);
    this.method.learned({
      publicAddress: "127.0.0.1",
      publicPort: 1,
      localAddress: "127.0.0.1",
      localPort: 1,
      relay: ownRelay,
      stun: [],
    });
    return this;
  }

  peer(identity: string): PeerTarget {
    return { identity, address: "192.0.2.2", payload: new Uint8Array(0) };
  }

  signal(to: string, message: PeerSignal): void {
    this.sent.push(message);
    this.deliver(to, message);
    this.#wake();
  }

  publish(): void {}

  accepted(path: RawPath<Duplex>, by?: { identity: string; attempt: string }): void {
    this.acceptedPaths.push({ path, by });
    this.#wake();
  }

  /** Hands on what it signals, as the server does. */
  signalsTo(other: RelayPeer): void {
    this.deliver = (_to, message) => {
      const copy = JSON.parse(JSON.stringify(message)) as PeerSignal;
      other.method.received(this.peer(this.identity), copy);
    };
  }

  attempt(
    to: RelayPeer,
    signal: AbortSignal = new AbortController().signal,
  ): DialAttempt & { told: string[] } {
    const told: string[] = [];
    return {
      id: randomBytes(8).toString("hex"),
      peer: this.peer(to.identity),
      signal,
      candidate: (text) => told.push(text),
      note: (text) => told.push(text),
      told,
    };
  }

  /** Waits until it is so; asked when something was accepted or signalled. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
