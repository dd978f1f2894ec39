import { type Endpoint, parseIpv4 } from "@lekt/protocol";
import type UDX from "udx-native";
import type { UdxSocket, UdxStream } from "udx-native";
import { NatObserver } from "./nat-observer.ts";

export type DatagramListener = (from: Endpoint, datagram: Uint8Array) => void;

/** Ports that are tried until one is free for both families. */
const MAX_PORTS = 8;

export interface SendOptions {
  /** So many routers pass it on, less one. Of IPv4 alone; default: as many as there are. */
  readonly ttl?: number | undefined;
}

/**
 * A UDP socket that carries STUN, probes and streams side by side, at one port for IPv4 and IPv6. There are two sockets
 * in it, as one for both families has no time to live of its own for IPv4.
 */
export class UdpSocket {
  readonly #ipv4: UdxSocket;
  /** Undefined where the machine has no IPv6. */
  readonly #ipv6: UdxSocket | undefined;
  readonly port: number;
  readonly observer: NatObserver;
  readonly #listeners = new Set<DatagramListener>();

  /** @throws where the machine has no socket to give. */
  constructor(udx: UDX, families: "both" | "IPv4" = "both") {
    [this.#ipv4, this.#ipv6] = bindSockets(udx, families);
    this.port = this.#ipv4.address()?.port ?? 0;
    this.observer = new NatObserver((to, bytes) => this.send(to, bytes));
    for (const native of this.#natives) {
      native.on("message", (message, { host, port }) => {
        if (this.observer.receive(message)) return;
        for (const listener of this.#listeners) listener({ address: host, port }, message);
      });
    }
  }

  get hasIpv6(): boolean {
    return this.#ipv6 !== undefined;
  }

  get isClosing(): boolean {
    return this.#ipv4.closing;
  }

  /** No stream is on it. */
  get isIdle(): boolean {
    return this.#natives.every(({ idle }) => idle);
  }

  /** Hears every datagram that belongs neither to STUN nor to a stream. */
  listen(listener: DatagramListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: DatagramListener): void {
    this.#listeners.delete(listener);
  }

  send(to: Endpoint, bytes: Uint8Array, { ttl }: SendOptions = {}): void {
    this.#nativeTo(to)?.trySend(bytes, to.port, to.address, ttl);
  }

  /** Connects a stream that begins here. */
  carry(stream: UdxStream, remoteId: number, remote: Endpoint): void {
    const native = this.#nativeTo(remote);
    if (native) stream.connect(native, remoteId, remote.port, remote.address);
    else stream.destroy();
  }

  /** Resolves when the last stream over it is gone too. */
  async close(): Promise<void> {
    this.observer.close();
    this.#listeners.clear();
    await Promise.all(this.#natives.map((native) => native.close()));
  }

  get #natives(): readonly UdxSocket[] {
    return this.#ipv6 ? [this.#ipv4, this.#ipv6] : [this.#ipv4];
  }

  #nativeTo({ address }: Endpoint): UdxSocket | undefined {
    const native = parseIpv4(address) === undefined ? this.#ipv6 : this.#ipv4;
    return native?.closing ? undefined : native;
  }
}

function bindSockets(udx: UDX, families: "both" | "IPv4"): [UdxSocket, UdxSocket | undefined] {
  for (let left = MAX_PORTS; ; left--) {
    const ipv4 = udx.createSocket();
    ipv4.bind(0, "0.0.0.0");
    if (families === "IPv4") return [ipv4, undefined];
    const ipv6 = udx.createSocket({ ipv6Only: true });
    try {
      ipv6.bind(ipv4.address()?.port, "::");
      return [ipv4, ipv6];
    } catch (error) {
      void ipv6.close();
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || left === 0) return [ipv4, undefined];
      void ipv4.close();
    }
  }
}
