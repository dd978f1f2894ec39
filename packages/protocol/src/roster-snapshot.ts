import { encodeUpdate } from "./packets/update.ts";
import type { RosterMember } from "./roster-member.ts";

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
  #members: RosterMember[] = [];
  /** What the members published at that moment. */
  #objects: Uint8Array[] = [];
  #next = 0;
  #clients = 0;
  #bytes = 0;

  constructor(options: RosterSnapshotOptions) {
    this.#options = options;
    this.position = options.position;
    this.unixSeconds = options.unixSeconds;
  }

  /** Only before the first page is read. */
  add(member: RosterMember): void {
    this.#members.push(member);
    this.#objects.push(member.object);
    this.#clients++;
    this.#bytes += member.encodedBytes(this.#options.withSessions);
  }

  /** How many it lists. */
  get clients(): number {
    return this.#clients;
  }

  /** Of its client objects. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns undefined behind the last page. */
  page(index: number): Uint8Array | undefined {
    while (index >= this.#pages.length && this.#next < this.#members.length) this.#encodePage();
    return this.#pages[index];
  }

  #encodePage(): void {
    const { withSessions, unixSeconds, allocate } = this.#options;
    const entry = (index: number) => {
      const object = this.#objects[index] as Uint8Array;
      return withSessions ? (this.#members[index] as RosterMember).withSession(object) : object;
    };
    this.#next = encodeUpdate(
      "added",
      entry,
      this.#next,
      this.#members.length,
      BigInt(unixSeconds),
      (bytes) => {
        const page = allocate(bytes);
        this.#pages.push(page);
        return page;
      },
    );
    if (this.#next < this.#members.length) return;
    // From now on the pages are all there is.
    this.#members = [];
    this.#objects = [];
    this.#next = 0;
  }
}
