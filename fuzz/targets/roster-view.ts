import {
  type ClientObject,
  LektError,
  METHOD,
  type MethodInfo,
  type RosterChange,
  RosterView,
} from "@lekt/protocol";
import { ByteDealer, type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { multisetText } from "../models/equality.ts";
import { contentOf, NaiveRoster } from "../models/naive-roster.ts";
import { ReportedRoster } from "../models/reported-roster.ts";
import { withMaps } from "./counted-maps.ts";

const MAX_PEERS = 12;
/** However long a reply is, nothing of the view grows beyond this. */
const MAX_STATE = 2 * MAX_PEERS + 20;
const STEPS_MS = [0, 1, 999, 1_000, 5_000];
const SESSION_LENGTHS = [8, 8, 8, 8, 8, 0, 7, 16];

export type MakeRosterView = () => RosterView;

/** `bytes` is a program: operations on the view. */
export function rosterViewTarget(
  name: string,
  make: MakeRosterView = () => new RosterView({ maxPeers: MAX_PEERS, staleGraceMs: 1_000 }),
): FuzzTarget {
  return {
    name,
    oracle: "the same as a plain multiset, told by its changes alone, no change that is none, state bounded",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 300,
    seeds,
    run: (input, note) => new ViewRun(make, input.bytes, note).run(),
  };
}

const OPERATIONS = [
  "add",
  "add",
  "add",
  "remove",
  "gone",
  "commit",
  "commit",
  "again",
  "expire",
  "many",
] as const;

class ViewRun {
  readonly #view: RosterView;
  readonly #maps: readonly ReadonlyMap<unknown, unknown>[];
  readonly #dealer: ByteDealer;
  readonly #note: Note;
  readonly #model = new NaiveRoster();
  readonly #reported = new ReportedRoster();
  #nowMs = 0;
  #counter = 0;

  constructor(make: MakeRosterView, program: Uint8Array, note: Note) {
    ({ made: this.#view, maps: this.#maps } = withMaps(make));
    this.#dealer = new ByteDealer(program);
    this.#note = note;
    this.#view.startOver();
    this.#model.startOver();
  }

  run(): void {
    while (!this.#dealer.isEmpty) {
      this.#operate(this.#dealer.pick(OPERATIONS));
      for (const { size } of this.#maps) check(size <= MAX_STATE, `the view keeps too much: ${size} entries`);
    }
    this.#commit();
  }

  #operate(operation: (typeof OPERATIONS)[number]): void {
    const dealer = this.#dealer;
    switch (operation) {
      case "add":
        this.#add(this.#object());
        return;
      case "many": {
        // Come and go within a reply: each with a session, at an address of its own.
        for (let left = dealer.below(32), where = dealer.byte(); left > 0; left--) {
          const ip = where % 2 === 0 ? 100 : 1_000 + this.#counter;
          this.#add(objectOf(ip, 0, undefined, this.#session(1_000 + this.#counter++, 8)));
          if (where % 3 > 0) this.#remove(ip);
        }
        return;
      }
      case "remove":
        this.#remove(1 + dealer.below(5));
        return;
      case "gone": {
        const sessions = Array.from({ length: 1 + dealer.below(3) }, () => [
          ...this.#session(dealer.below(8), 8),
        ]);
        const bytes = Uint8Array.from([...sessions.flat(), ...new Uint8Array(dealer.below(4))]);
        this.#view.gone(bytes);
        this.#model.gone(bytes);
        return;
      }
      case "commit":
        this.#commit();
        return;
      case "again":
        this.#startOver(dealer.below(2) === 1);
        return;
      case "expire":
        this.#nowMs += dealer.pick(STEPS_MS);
        this.#expire();
        return;
    }
  }

  #object(): ClientObject {
    const dealer = this.#dealer;
    const ip = 1 + dealer.below(4);
    const shape = dealer.byte();
    const identity = (shape & 12) === 12 ? shape & 1 : undefined;
    const session =
      (shape & 48) === 0 ? undefined : this.#session(dealer.below(8), dealer.pick(SESSION_LENGTHS));
    return objectOf(ip, shape & 3, identity, session);
  }

  #session(number: number, length: number): Uint8Array {
    const session = new Uint8Array(length).fill(number);
    session[0] = number >> 8;
    return session;
  }

  #add(object: ClientObject): void {
    this.#model.add(object);
    const isTooMany = this.#model.copy.length > MAX_PEERS;
    let refused = false;
    try {
      this.#view.added(object);
    } catch (error) {
      check(error instanceof LektError && error.code === "LEKT_ROSTER_LIMIT", `it throws: ${String(error)}`);
      refused = true;
    }
    check(refused === isTooMany || this.#model.isUnspecified, "the limit of peers is judged otherwise");
    if (refused) this.#startOver(false);
  }

  #remove(ip: number): void {
    this.#view.removed(ip);
    this.#model.remove(ip);
  }

  #startOver(resumes: boolean): void {
    this.#view.startOver();
    this.#model.startOver();
    if (!resumes) return;
    this.#view.resume();
    this.#model.resume();
  }

  #commit(): void {
    const changes = this.#view.commit(this.#nowMs);
    this.#model.commit();
    this.#note(multisetText(new Set(changes.map(({ type }) => type))));
    checkNews(changes);
    this.#reported.apply(changes);
    this.#compare();
  }

  #expire(): void {
    const dueMs = this.#view.nextExpiryMs;
    const changes = this.#view.expire(this.#nowMs);
    check(changes.length > 0 === this.#nowMs >= dueMs, "stale entries leave too early or too late");
    check(
      changes.every(({ type, entry }) => type === "left" && entry.stale),
      "an expiry that is none",
    );
    this.#reported.apply(changes);
    this.#compare();
  }

  #compare(): void {
    this.#reported.compare(this.#view);
    if (this.#model.isUnspecified) return;
    const present = [...this.#view.entries()].filter(({ stale }) => !stale);
    check(this.#view.size === present.length, "the size is not that of the entries");
    const contents = multisetText(present.map(({ object }) => contentOf(object)));
    check(contents === multisetText(this.#model.contents), "another roster");
  }
}

/** What is the same before and after has not changed (spec 5.9). */
function checkNews(changes: readonly RosterChange[]): void {
  const contents = (...types: RosterChange["type"][]) =>
    changes.filter(({ type }) => types.includes(type)).map(({ entry }) => contentOf(entry.object));
  const come = new Set(contents("joined", "back"));
  check(
    !contents("left", "stale").some((content) => come.has(content)),
    "who is still there has left and joined",
  );
}

function objectOf(
  ip: number,
  name: number,
  identity: number | undefined,
  session: Uint8Array | undefined,
): ClientObject {
  const methods: MethodInfo[] = [];
  if (identity !== undefined)
    methods.push({ index: METHOD.identity, payload: new Uint8Array(32).fill(identity) });
  methods.push({ index: METHOD.name, payload: Uint8Array.of(0x61 + name) });
  if (session) methods.push({ index: METHOD.session, payload: session });
  return { ip, methods };
}

function seeds(): readonly FuzzInput[] {
  const programs = [
    [0, 1, 0, 0, 1, 0, 5, 3, 1, 5, 0, 1, 0, 5],
    [0, 1, 16, 1, 0, 0, 1, 16, 2, 0, 5, 4, 0, 1, 5],
    [0, 1, 12, 5, 3, 1, 0, 1, 13, 5, 7, 0, 0, 1, 13, 5, 8, 3],
    [0, 0, 1, 5, 7, 0, 5, 8, 1, 7, 0, 0, 0, 1, 5],
    [0, 2, 16, 1, 0, 5, 7, 1, 4, 0, 1, 5],
    [9, 9, 1, 5],
    [9, 9, 2, 5],
  ];
  return programs.map((program) => inputOf(Uint8Array.from(program)));
}
