import { METHOD } from "../src/method-list.ts";
import { payloadOf } from "../src/packets/client-object.ts";
import { encodeEndOfReply } from "../src/packets/update.ts";
import type { RosterSnapshot } from "../src/roster-snapshot.ts";
import type { RosterChange } from "../src/roster-view.ts";
import { RosterView } from "../src/roster-view.ts";
import { type ServerPacket, ServerPacketDecoder } from "../src/server-packet-decoder.ts";
import type { EditionRoster } from "./edition-roster.ts";
import { decodePieces } from "./stream-pieces.ts";

export function pagesOf(snapshot: RosterSnapshot): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (let page = snapshot.page(0); page; page = snapshot.page(pages.length)) pages.push(page);
  return pages;
}

/** A client of a roster without a connection in between: reads as a server would write for it. */
export class RosterReader {
  readonly view = new RosterView();
  position: number | undefined;
  readonly #roster: EditionRoster;
  readonly #decoder = new ServerPacketDecoder();

  constructor(roster: EditionRoster) {
    this.#roster = roster;
    this.#decoder.phase = "heartbeat";
  }

  get keys(): string[] {
    return [...this.view.entries()].map((entry) => entry.key).sort();
  }

  /**
   * One whole reply. @param shortBytes replies up to this length come as one shared buffer.
   * @returns what changed, or undefined where the past that it needs is forgotten.
   */
  read(nowMs: number, unixSeconds: number, shortBytes: number): readonly RosterChange[] | undefined {
    if (this.position === undefined) {
      const snapshot = this.#roster.snapshotNow(unixSeconds);
      this.position = snapshot.position;
      this.#apply(pagesOf(snapshot));
    }
    const short = this.#roster.shortReply(this.position, unixSeconds, shortBytes);
    if (short) {
      this.position = this.#roster.log.end;
      this.#apply([short]);
      return this.view.commit(nowMs);
    }
    while (this.position < this.#roster.log.end) {
      const parts = this.#roster.log.read(this.position, 64);
      if (!parts) return undefined;
      for (const part of parts) this.position += part.length;
      this.#apply(parts);
    }
    if (!this.#roster.log.read(this.position, 64)) return undefined;
    this.#apply([encodeEndOfReply(BigInt(unixSeconds))]);
    return this.view.commit(nowMs);
  }

  /** As after a new connection. */
  startOver(): void {
    this.position = undefined;
    this.view.startOver();
  }

  #apply(parts: readonly Uint8Array[]): void {
    const { packets, fault } = decodePieces<ServerPacket>(this.#decoder, parts);
    if (fault !== undefined || this.#decoder.insidePacket)
      throw new Error(`the roster wrote nonsense: ${fault}`);
    for (const packet of packets) {
      if (packet.type === "client") {
        const gone = packet.object.ip === 0 ? payloadOf(packet.object, METHOD.session) : undefined;
        if (gone) this.view.gone(gone);
        else this.view.added(packet.object);
      }
      if (packet.type === "address") this.view.removed(packet.ip);
    }
  }
}
