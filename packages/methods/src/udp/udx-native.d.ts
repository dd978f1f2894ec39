/* What is used of udx-native, which has no types of its own. */
declare module "udx-native" {
  import type { EventEmitter } from "node:events";

  export interface UdxAddress {
    readonly host: string;
    readonly family: 4 | 6;
    readonly port: number;
  }

  export interface UdxSocket extends EventEmitter {
    readonly bound: boolean;
    readonly closing: boolean;
    readonly idle: boolean;
    address(): UdxAddress | null;
    bind(port?: number, host?: string): void;
    /** Resolves when all its streams are gone, and it too. */
    close(): Promise<void>;
    trySend(message: Uint8Array, port: number, host: string, ttl?: number): void;
    on(event: "message", listener: (message: Buffer, from: UdxAddress) => void): this;
  }

  /** A streamx Duplex, which is not the Duplex of Node.js. */
  export interface UdxStream extends EventEmitter {
    readonly connected: boolean;
    readonly packetsReceived: number;
    connect(socket: UdxSocket, remoteId: number, port: number, host: string): void;
    write(data: Uint8Array): boolean;
    end(): void;
    resume(): this;
    /** Resolves when the peer has all that was written; with false where the stream ended before. */
    flush(): Promise<boolean>;
    destroy(error?: Error): void;
    /** A datagram within the stream: neither ordered nor repeated. */
    trySend(message: Uint8Array): void;
  }

  export default class UDX {
    createSocket(options?: { readonly ipv6Only?: boolean }): UdxSocket;
    createStream(id: number): UdxStream;
  }
}
