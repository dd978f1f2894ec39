import type { AnnouncedCopy } from "./announced-members.ts";
import { encodeUpdate } from "./packets/update.ts";
import { type RosterMember, SESSION_METHOD_BYTES } from "./roster-member.ts";

export interface RosterSnapshotOptions {
  readonly withSessions: boolean;
  /** What happened from here on follows in the log. */
  readonly position: number;
  readonly unixSeconds: number;
  /** Gives the memory of a page. */
  readonly allocate: (bytes: number) => Uint8Array;
}

/**
 * Everybody who was there at one moment, for all newcomers. Each page is one packet, encoded when the first of
 * them reads so far: a large roster stalls nobody.
 */
export class RosterSnapshot {
  readonly position: number;
  readonly unixSeconds: number;
  readonly #options: RosterSnapshotOptions;
  readonly #pages: Uint8Array[] = [];
  /** How many it lists. */
  readonly clients: number;
  /** Of its client objects. */
  readonly bytes: number;
  #members: readonly RosterMember[];
  /** What the members published at that moment. */
  #objects: readonly Uint8Array[];
  #encodedClients = 0;

  constructor({ members, objects, objectBytes }: AnnouncedCopy, options: RosterSnapshotOptions) {
    this.#members = members;
    this.#objects = objects;
    this.#options = options;
    this.position = options.position;
    this.unixSeconds = options.unixSeconds;
    this.clients = members.length;
    this.bytes = objectBytes + (options.withSessions ? members.length * SESSION_METHOD_BYTES : 0);
  }

  /** How many of them stand in pages. */
  get encodedClients(): number {
    return this.#encodedClients;
  }

  /** @returns undefined behind the last page. */
  page(index: number): Uint8Array | undefined {
    while (index >= this.#pages.length && this.#encodedClients < this.clients) this.#encodePage();
    return this.#pages[index];
  }

  #encodePage(): void {
    const { withSessions, unixSeconds, allocate } = this.#options;
    const entry = (index: number) => {
      const object = this.#objects[index] as Uint8Array;
      return withSessions ? (this.#members[index] as RosterMember).withSession(object) : object;
    };
    this.#encodedClients = encodeUpdate(
      "added",
      entry,
      this.#encodedClients,
      this.clients,
      BigInt(unixSeconds),
      (bytes) => {
        const page = allocate(bytes);
        this.#pages.push(page);
        return page;
      },
    );
    if (this.#encodedClients < this.clients) return;
    // From now on the pages are all there is.
    this.#members = [];
    this.#objects = [];
  }
}
