import type { RosterChange, RosterEntry, RosterView } from "@lekt/protocol";
import { check } from "../engine/fuzz-target.ts";
import { contentOf } from "./naive-roster.ts";

/** What somebody knows who reads only the changes that a view reports. */
export class ReportedRoster {
  readonly #entries = new Map<RosterEntry, string>();

  apply(changes: readonly RosterChange[]): void {
    for (const { type, entry } of changes) {
      const content = contentOf(entry.object);
      const before = this.#entries.get(entry);
      check(
        (before === undefined) === (type === "joined"),
        `an entry ${type} that was ${before ? "known" : "unknown"}`,
      );
      if (type === "left") this.#entries.delete(entry);
      else this.#entries.set(entry, content);
      if (type === "updated") check(before !== content, "an update that changes nothing");
      if (type === "back" || type === "stale")
        check(before === content, `an entry is ${type} with another content`);
      check(
        type === "left" || entry.stale === (type === "stale"),
        `an entry that is ${type} is marked otherwise`,
      );
    }
  }

  /** The entries of a view are those that it reported, as it reported them. */
  compare(view: RosterView): void {
    let count = 0;
    for (const entry of view.entries()) {
      count++;
      check(this.#entries.get(entry) === contentOf(entry.object), "an entry is not what was reported of it");
    }
    check(count === this.#entries.size, "more was reported than is there");
  }
}
