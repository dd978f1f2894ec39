import { clockUs, FORTY, fortyBytes, memberNumber, publishedAtUs } from "./forty-bytes.ts";
import { MemberSet } from "./member-set.ts";

/** What a crowd is told by its members. */
export interface MemberWatcher {
  /** The member may know everybody now. */
  settled(member: Member): void;
  /** Whether it wants to hear how long news took. */
  readonly listening: boolean;
  /** A member learned of one who published after itself. */
  heard(latencyUs: number): void;
  failed(member: Member, why: string): void;
}

/** Texts that turned out to be somebody's forty bytes in base64: each is decoded and checked once. */
const texts = new Map<string, { readonly number: number; readonly atUs: number }>();

/** One of the N clients: what it publishes, and what it has learned of the others. */
export class Member {
  readonly number: number;
  /** An own one for everybody: a crowd of strangers does not come from one address. */
  readonly address: string;
  readonly known = new MemberSet();
  readonly #watcher: MemberWatcher;
  readonly #repeats: boolean;
  #publishedUs = Number.POSITIVE_INFINITY;
  /** When those published whom it has learned of since it settled last. */
  #news: number[] = [];
  #relisted: MemberSet | undefined;
  /** Entries that were new to it, so far, and those that it dropped. */
  learned = 0;
  forgotten = 0;

  constructor(number: number, watcher: MemberWatcher, repeats: boolean) {
    this.number = number;
    this.address = addressOf(number);
    this.#watcher = watcher;
    this.#repeats = repeats;
    this.known.add(number);
  }

  /** What it publishes. To be asked for when it is written to the socket: the moment is in it. */
  fortyBytes(): Buffer {
    this.#publishedUs = clockUs();
    return fortyBytes(this.number, this.#publishedUs);
  }

  /** An entry of somebody who is there: forty bytes at `offset`. @returns whose. */
  learn(bytes: Buffer, offset: number): number {
    const number = memberNumber(bytes, offset);
    if (number < 0) this.fail("learned of an entry that nobody published");
    else if (this.#learn(number) && this.#watcher.listening) this.#note(publishedAtUs(bytes, offset));
    return number;
  }

  /** The same, where the first `length` of the forty bytes came as base64. */
  learnText(text: string, length = FORTY): number {
    const entry = entryOf(text, length);
    if (!entry) this.fail("learned of an entry that nobody published");
    else if (this.#learn(entry.number) && this.#watcher.listening) this.#note(entry.atUs);
    return entry?.number ?? -1;
  }

  forget(number: number): void {
    if (this.known.delete(number)) this.forgotten++;
    else if (!this.#repeats) this.fail(`was told that ${number} left, who was not there`);
  }

  /** The whole list is told anew: between this and `settle`, who is not learned of again has left. */
  relist(): void {
    this.#relisted = new MemberSet();
    this.#relisted.add(this.number);
  }

  /** A packet, a message or a reply is over, and what it said counts. */
  settle(): void {
    if (this.#relisted) {
      for (const number of this.#relisted.lacks(this.known, Number.POSITIVE_INFINITY)) this.forget(number);
      this.#relisted = undefined;
    }
    if (this.#news.length > 0) {
      const nowUs = clockUs();
      for (const atUs of this.#news) this.#watcher.heard(nowUs - atUs);
      this.#news = [];
    }
    this.#watcher.settled(this);
  }

  fail(why: string): void {
    this.#watcher.failed(this, why);
  }

  /** @returns whether that is new. */
  #learn(number: number): boolean {
    this.#relisted?.add(number);
    if (number === this.number) return false;
    if (this.known.add(number)) {
      this.learned++;
      return true;
    }
    if (!this.#repeats) this.fail(`was told of ${number} twice`);
    return false;
  }

  #note(atUs: number): void {
    // Who was there before is no news.
    if (atUs > this.#publishedUs) this.#news.push(atUs);
  }
}

export function addressOf(number: number): string {
  // 127.1.0.0 and up: not the 127.0.0.1 that everything else uses.
  return `127.${1 + (number >>> 16)}.${(number >>> 8) & 255}.${number & 255}`;
}

function entryOf(
  text: string,
  length: number,
): { readonly number: number; readonly atUs: number } | undefined {
  const before = texts.get(text);
  if (before) return before;
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== length) return undefined;
  const entry = { number: bytes.readUInt32BE(0), atUs: publishedAtUs(bytes, 0) };
  const published = fortyBytes(entry.number, entry.atUs).subarray(0, length);
  if (published.toString("base64") !== text && published.toString("base64url") !== text) return undefined;
  texts.set(text, entry);
  return entry;
}
