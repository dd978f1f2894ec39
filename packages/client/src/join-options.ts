import type { Duplex } from "node:stream";
import type { ConnectionMethod, ListeningPorts } from "@lekt/protocol";
import type { Dial } from "./byte-stream.ts";
import type { LektIdentity } from "./peers/identity.ts";

/** What a client tells of itself to everybody in the network. */
export interface Published {
  /** For people to read: 1 to 64 bytes of UTF-8 without control characters. Everybody in the network sees it. */
  readonly name?: string;
  /** Bytes of the application, at most 1,024. Everybody in the network sees them. */
  readonly data?: Uint8Array;
  /**
   * By what peers know this client again: a key and its certificate, or 32 bytes (the SHA-256 of a certificate)
   * where only somebody else has the key. Default: a new one where there are connection methods, else none.
   */
  readonly identity?: LektIdentity | Uint8Array;
  /** Where peers can connect by TCP: a port, or a port with further endpoints. */
  readonly tcp?: number | ListeningPorts;
  /** The same for streams over UDP. */
  readonly udp?: number | ListeningPorts;
  /** Can be reached through the server's relay. */
  readonly relay?: boolean;
  /** Further methods and attributes: payloads by index (private use: 7–16, 33–64). */
  readonly payloads?: ReadonlyMap<number, Uint8Array>;
}

/** What may be replaced while one is in a network. */
export type RoomUpdate = Omit<Published, "relay" | "identity">;

/** What a client tells of itself, and how it behaves. All of it may be left out. */
export interface JoinOptions extends Published {
  /**
   * Ways to connect to peers, and to be connected to: `[tcp(), udp(), relay()]`, made anew for each room. They publish
   * what they need themselves.
   */
  readonly methods?: readonly ConnectionMethod<Duplex>[];
  /** A secret of the peers, 32 bytes: only who has it is connected. Default: the one in the URL (`#key=…`), else none. */
  readonly networkKey?: Uint8Array;
  /** A credential for the server. It is sent to loopback addresses only, unless `allowInsecureToken` is set. */
  readonly token?: string | Uint8Array;
  /** See without being seen. */
  readonly watch?: boolean;
  /** How long the server may keep a reply back while nothing changes. Default 25,000; 0: no hold. */
  readonly holdMs?: number;
  /**
   * Send the token over an unprotected connection, to the host in the URL that was given. After a move
   * to another host it counts no more.
   */
  readonly allowInsecureToken?: boolean;
  /** Keep trying when the first connection fails. Default: the first failure is the answer. */
  readonly waitForServer?: boolean;
  /** Aborts the joining (`LEKT_ABORTED`), and later closes the room as `close()` does. */
  readonly signal?: AbortSignal;
  /** Time between heartbeats where the server names none and does not hold. Default 10,000. */
  readonly heartbeatIntervalMs?: number;
  /** From the connection to the end of the setup. Default 10,000. */
  readonly setupTimeoutMs?: number;
  /** For looking up the name and trying all its addresses. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Most peers taken. Default 100,000. */
  readonly maxPeers?: number;
  /** How long a peer that is missing after a reconnect counts as stale before it has left. Default 30,000. */
  readonly staleGraceMs?: number;
  /** Most events that wait in one iterator. Default 10,000. */
  readonly maxQueuedEvents?: number;
  /** The bound of the first wait before a reconnect. Default 250. */
  readonly backoffBaseMs?: number;
  /** The bound of all waits. Default 30,000. */
  readonly backoffCapMs?: number;
  /** Another byte stream than TCP. */
  readonly dial?: Dial;
}
