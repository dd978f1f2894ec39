import {
  type ClientObject,
  type Edition,
  encodeAccept,
  encodeEndOfReply,
  encodeRequest,
  encodeUtf8,
  METHOD,
  payloadOf,
  type Roster,
  type RosterSnapshot,
  type ServerPacket,
  ServerPacketDecoder,
} from "@lekt/protocol";
import { check } from "../engine/fuzz-target.ts";
import { type NaiveClient, NaiveRoster } from "../models/naive-roster.ts";

/** A token, and the roster of the reader at the time. */
export interface KeptToken {
  readonly bytes: Uint8Array;
  readonly clients: readonly NaiveClient[];
  readonly edition: Edition;
  readonly position: number;
}

/** A client of a roster without a connection in between: reads as a server would write for it, page by page. */
export class RosterReader {
  readonly edition: Edition;
  readonly model = new NaiveRoster();
  /** The token of the last reply. */
  token: KeptToken | undefined;
  readonly #roster: Roster;
  readonly #decoder = new ServerPacketDecoder();
  #position: number;
  #snapshot: RosterSnapshot | undefined;
  #page = 0;
  /** The newest state of each client that it was shown, for clients that carry their number and state as name. */
  readonly #newest = new Map<number, number>();

  /** @param resumed where it goes on from, as the server sees it. */
  constructor(
    roster: Roster,
    withSessions: boolean,
    unixSeconds: number,
    resumed?: { position: number; clients: readonly NaiveClient[] },
  ) {
    this.#roster = roster;
    this.edition = roster.enter(withSessions);
    this.#decoder.push(encodeAccept());
    this.#decoder.push(encodeRequest(0));
    this.#drain();
    if (resumed) {
      this.#position = resumed.position;
      this.model.clients = resumed.clients;
      this.model.resume();
    } else {
      const snapshot = roster.snapshot(this.edition, unixSeconds);
      this.#position = snapshot.position;
      this.#snapshot = snapshot;
      this.model.startOver();
    }
  }

  get position(): number {
    return this.#position;
  }

  /** Reads a page or a part of the log. @returns false where the past that it needs is forgotten. */
  readPart(maxBytes: number): boolean {
    const page = this.#snapshot?.page(this.#page++);
    if (page) return this.#apply(page);
    this.#snapshot = undefined;
    const parts = this.edition.log.read(this.#position, maxBytes);
    if (!parts) return false;
    const [part] = parts;
    if (!part) return true;
    this.#position += part.length;
    return this.#apply(part);
  }

  /** Reads to the end of the reply. @returns false where the past that it needs is forgotten. */
  finish(unixSeconds: number, maxBytes: number, withToken: boolean): boolean {
    const { log } = this.edition;
    const isAtStart = this.#snapshot === undefined;
    const short = isAtStart
      ? this.edition.shortReply(this.#position, withToken, unixSeconds, maxBytes)
      : undefined;
    if (short) {
      this.#position = log.end;
      this.#apply(short);
      return true;
    }
    while (this.#snapshot || this.#position < log.end) if (!this.readPart(maxBytes)) return false;
    if (withToken) this.#apply(this.edition.tokenWord(this.#position, unixSeconds));
    return this.#apply(encodeEndOfReply(BigInt(unixSeconds)));
  }

  leave(nowMs: number): void {
    this.#roster.exit(this.edition, nowMs, this.token !== undefined);
  }

  #apply(bytes: Uint8Array): boolean {
    this.#decoder.push(bytes);
    this.#drain();
    check(!this.#decoder.insidePacket, "a page ends inside a packet");
    check(!this.model.isUnspecified, "a client is added whose session is there already");
    return true;
  }

  #drain(): void {
    for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) this.#take(packet);
  }

  #take(packet: ServerPacket): void {
    if (packet.type === "address") this.model.remove(packet.ip);
    else if (packet.type === "client" && packet.object.ip === 0) this.#word(packet.object);
    else if (packet.type === "client") this.#add(packet.object);
    else if (packet.type === "added" && packet.count === 0) this.model.commit();
  }

  #word(object: ClientObject): void {
    const gone = payloadOf(object, METHOD.session);
    check(gone === undefined || this.edition.withSessions, "a word about sessions for who asked for none");
    if (gone) this.model.gone(gone);
    const bytes = payloadOf(object, METHOD.resume);
    if (!bytes) return;
    // Valid with the end of the reply, which is next.
    const { edition } = this;
    this.token = { bytes, clients: [...this.model.copy], edition, position: this.#position };
  }

  #add(object: ClientObject): void {
    const session = payloadOf(object, METHOD.session);
    check(
      (session !== undefined) === this.edition.withSessions,
      "a client with or without session, unlike asked",
    );
    const [number = 0, state = 0] = payloadOf(object, METHOD.data) ?? encodeUtf8("");
    check(state >= (this.#newest.get(number) ?? 0), "an older state of a client is shown after a newer one");
    this.#newest.set(number, state);
    this.model.add(object);
  }
}
