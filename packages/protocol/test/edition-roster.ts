import type { Edition } from "../src/edition.ts";
import { Roster, type RosterOptions } from "../src/roster.ts";
import type { RosterSnapshot } from "../src/roster-snapshot.ts";
import type { UpdateLog } from "../src/update-log.ts";

/** A roster as one kind of reader knows it. */
export class EditionRoster extends Roster {
  readonly edition: Edition;

  constructor(options: Partial<RosterOptions> = {}, withSessions = false) {
    super({ random: (bytes) => new Uint8Array(bytes).fill(7), ...options });
    this.edition = this.enter(withSessions);
  }

  get log(): UpdateLog {
    return this.edition.log;
  }

  hasNews(nowMs: number): boolean {
    return this.hasNewsAt(nowMs, this.edition.withSessions);
  }

  snapshotNow(unixSeconds: number): RosterSnapshot {
    return this.snapshot(this.edition, unixSeconds);
  }

  shortReply(position: number, unixSeconds: number, maxBytes: number): Uint8Array | undefined {
    return this.edition.shortReply(position, false, unixSeconds, maxBytes);
  }
}
