import { type Endpoint, parseIpv4 } from "@lekt/protocol";
import type UDX from "udx-native";
import type { UdxSocket } from "udx-native";
import { NatObserver } from "./nat-observer.ts";

export type DatagramListener = (from: Endpoint, datagram: Uint8Array) => void;

/** A UDP socket that carries STUN, probes and streams side by side. */
export class UdpSocket {
  readonly native: UdxSocket;
  readonly observer: NatObserver;
  readonly #listeners = new Set<DatagramListener>();

  /** @throws where the machine has no socket to give. */
  constructor(udx: UDX) {
    this.native = udx.createSocket();
    this.native.bind(0);
    this.observer = new NatObserver((to, bytes) => this.send(to, bytes));
    this.native.on("message", (message, { host, port }) => {
      if (this.observer.receive(message)) return;
      for (const listener of this.#listeners) listener({ address: host, port }, message);
    });
  }

  get port(): number {
    return this.native.address()?.port ?? 0;
  }

  /** False where the machine has no IPv6. */
  get isDualStack(): boolean {
    return this.native.address()?.family === 6;
  }

  /** Hears every datagram that belongs neither to STUN nor to a stream. */
  listen(listener: DatagramListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: DatagramListener): void {
    this.#listeners.delete(listener);
  }

  send(to: Endpoint, bytes: Uint8Array): void {
    if (this.native.closing || (!this.isDualStack && parseIpv4(to.address) === undefined)) return;
    this.native.trySend(bytes, to.port, to.address);
  }

  /** Resolves when the last stream over it is gone too. */
  async close(): Promise<void> {
    this.observer.close();
    this.#listeners.clear();
    await this.native.close();
  }
}
