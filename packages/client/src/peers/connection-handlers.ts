import { LektError } from "@lekt/protocol";
import type { Peer } from "../peer.ts";
import type { PeerStream } from "./peer-stream.ts";

/** Gets each connection. @param peer as it is in the roster; undefined where it is not. */
export type ConnectionHandler = (stream: PeerStream, peer: Peer | undefined) => void;

/** A peer that wants to connect. It has proven its identity, and the network key where the room has one. */
export interface ConnectionRequest {
  /** 32 bytes. */
  readonly identity: Uint8Array;
  readonly label: string;
  /** As it is in the roster; undefined where it is not. */
  readonly peer: Peer | undefined;
}

export interface ConnectionOptions {
  /**
   * Who may connect. Default: with a network key whoever has it, else whoever is in the roster.
   * To be decided within seconds; who is refused is told so. Where it throws, the peer is refused.
   */
  readonly accept?: (request: ConnectionRequest) => boolean | Promise<boolean>;
  /**
   * Somebody did not prove the network key, and was refused, whatever it wanted.
   * @param remote "address:port" of the peer, or of the relay
   */
  readonly onStranger?: (remote: string) => void;
}

/** What is done with a label. */
export interface LabelEntry extends ConnectionOptions {
  readonly handler: ConnectionHandler;
}

/** What is done with connections, by label. */
export class ConnectionHandlers {
  readonly #entries = new Map<string, LabelEntry>();

  /** @returns removes it. @throws LektError `LEKT_OPTION` where the label has one. */
  add(label: string, handler: ConnectionHandler, options: ConnectionOptions): () => void {
    if (this.#entries.has(label)) {
      throw new LektError(
        "LEKT_OPTION",
        `The label "${label}" has a handler already: remove that one first, or use another label.`,
      );
    }
    const entry = { ...options, handler };
    this.#entries.set(label, entry);
    return () => {
      if (this.#entries.get(label) === entry) this.#entries.delete(label);
    };
  }

  get(label: string): LabelEntry | undefined {
    return this.#entries.get(label);
  }

  tellStranger(remote: string): void {
    for (const { onStranger } of this.#entries.values()) onStranger?.(remote);
  }

  /** @param entry that let the peer in; nobody gets the stream where it was removed meanwhile */
  hand(entry: LabelEntry, stream: PeerStream, peer: Peer | undefined): void {
    if (this.#entries.get(stream.label) !== entry) {
      stream.destroy();
      return;
    }
    try {
      entry.handler(stream, peer);
    } catch (error) {
      // As if nobody had caught it, and after the room has done its work.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
