import fc from "fast-check";
import { expect, test } from "vitest";
import { ClientSession, type ClientSessionEvent } from "../src/client-session.ts";
import { METHOD } from "../src/method-list.ts";
import { encodeClientObject } from "../src/packets/client-object.ts";
import { encodeListeningPorts } from "../src/payloads/endpoints.ts";
import { encodeHold } from "../src/payloads/hold.ts";
import { RosterMember } from "../src/roster-member.ts";
import { RosterView } from "../src/roster-view.ts";
import { type Introduction, ServerSession, type ServerSessionEffect } from "../src/server-session.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { EditionRoster } from "./edition-roster.ts";
import { pagesOf } from "./roster-reader.ts";

const UNIX = 1_774_483_200;
const IP = 0xc000_0201;

/** Both sessions under one clock, a lossless line in between, and a server that does what it must. */
class Conversation {
  nowMs = 1_000;
  introduction: Introduction | undefined;
  readonly replies: number[] = [];
  readonly ended: ClientSessionEvent[] = [];
  readonly view = new RosterView();
  readonly roster = new EditionRoster();
  readonly #client: ClientSession;
  readonly #server: ServerSession;
  readonly #upstream: number[] = [];
  readonly #downstream: number[] = [];
  #position: number | undefined;

  constructor(offers: ReadonlyMap<number, Uint8Array>) {
    this.#client = new ClientSession({ offers, view: this.view, unixSeconds: () => UNIX }, this.nowMs);
    this.#server = new ServerSession({}, { ip: IP }, true, this.nowMs);
  }

  /** Carries at most so many bytes in one direction. */
  carry(direction: "up" | "down", bytes: number): void {
    const line = direction === "up" ? this.#upstream : this.#downstream;
    const chunk = Uint8Array.from(line.splice(0, bytes));
    if (direction === "up") this.#server.receive(chunk, this.nowMs);
    else this.#client.receive(chunk, this.nowMs);
    this.settle();
  }

  /** Everything that is on its way arrives, and whatever that causes. */
  carryAll(): void {
    this.settle();
    while (this.#upstream.length + this.#downstream.length > 0) {
      this.carry("up", this.#upstream.length);
      this.carry("down", this.#downstream.length);
    }
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const dueMs = Math.min(this.#client.deadlineMs, this.#server.deadlineMs, this.roster.nextTickMs);
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.#client.onDeadline(this.nowMs);
      this.#server.onDeadline(this.nowMs);
      this.carryAll();
    }
    this.nowMs = untilMs;
  }

  settle(): void {
    for (const event of this.#client.takeEvents()) {
      if (event.type === "send") this.#upstream.push(...event.bytes);
      if (event.type === "reply") this.replies.push(event.changes.length);
      if (event.type === "ended") this.ended.push(event);
    }
    if (this.roster.nextTickMs <= this.nowMs) this.roster.tick(this.nowMs, UNIX);
    this.#effects(this.#server.takeEffects());
    while (this.#server.pendingReplies > 0) {
      const hasNews = this.#position !== this.roster.log.end;
      if (!this.#server.replyDue(this.nowMs, hasNews)) break;
      if (this.#position === undefined) {
        const snapshot = this.roster.snapshotNow(UNIX);
        for (const page of pagesOf(snapshot)) this.#downstream.push(...page);
        this.#position = snapshot.position;
      }
      this.#downstream.push(...(this.roster.shortReply(this.#position, UNIX, 1e9) as Uint8Array));
      this.#position = this.roster.log.end;
      this.#server.replied(this.nowMs, hasNews);
    }
  }

  #effects(effects: readonly ServerSessionEffect[]): void {
    for (const effect of effects) {
      if (effect.type === "updated" || effect.type === "signal" || effect.type === "circuit") {
        throw new Error(`nobody asked for this: ${effect.type}`);
      }
      if (effect.type !== "introduced") this.#downstream.push(...effect.bytes);
      else {
        this.introduction = effect.introduction;
        this.roster.add(new RosterMember(IP, effect.introduction.object, new Uint8Array(8)));
        this.roster.tick(this.nowMs, UNIX);
        this.#server.admit(this.nowMs);
        this.#effects(this.#server.takeEffects());
      }
    }
  }
}

const offer = {
  [METHOD.tcp]: fc.nat(65_535).map((port) => encodeListeningPorts({ port, endpoints: [] })),
  [METHOD.network]: fc.constant(encodeUtf8("jeux")),
  [METHOD.name]: fc.string({ unit: "grapheme", minLength: 1, maxLength: 3 }).map(encodeUtf8),
  [METHOD.data]: fc.uint8Array({ maxLength: 300 }),
  [METHOD.hold]: fc.constantFrom(0, 500, 25_000).map(encodeHold),
  50: fc.uint8Array({ maxLength: 300 }),
  70: fc.uint8Array({ maxLength: 3 }),
};
const offers = fc
  .record(offer, { requiredKeys: [] })
  .map(
    (record) =>
      new Map(Object.entries(record).map(([index, payload]) => [Number(index), payload as Uint8Array])),
  );
const step = fc.oneof(
  fc.record({ carry: fc.constantFrom("up", "down"), bytes: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ waitMs: fc.constantFrom(1, 30, 700) }),
  fc.record({ ip: fc.constantFrom(1, 2, IP) }),
  fc.record({ leaves: fc.nat() }),
);

test("a client and a server, whatever the pieces and the pace, know the same in the end", () => {
  fc.assert(
    fc.property(offers, fc.array(step, { maxLength: 40 }), (offers, steps) => {
      const conversation = new Conversation(offers);
      const others: RosterMember[] = [];
      conversation.settle();
      for (const step of steps) {
        if ("carry" in step) conversation.carry(step.carry, step.bytes);
        else if ("waitMs" in step) conversation.advance(step.waitMs);
        else if ("ip" in step) {
          others.push(
            new RosterMember(step.ip, encodeClientObject({ ip: step.ip, methods: [] }), new Uint8Array(8)),
          );
          conversation.roster.add(others.at(-1) as RosterMember);
        } else if (others.length > 0) {
          const [member] = others.splice(step.leaves % others.length, 1) as [RosterMember];
          conversation.roster.remove(member, conversation.nowMs);
        }
        conversation.settle();
      }
      conversation.carryAll();
      conversation.advance(60_000);
      conversation.carryAll();

      expect(conversation.ended).toEqual([]);
      const { introduction } = conversation as { introduction: Introduction };
      expect(introduction.network).toBe(offers.has(METHOD.network) ? "jeux" : undefined);
      const objects = [introduction.object, ...others.map((member) => member.encoded(false))];
      const keys = [...conversation.view.entries()].map((entry) => entry.key);
      expect(keys.sort()).toEqual(objects.map((object) => Buffer.from(object).toString("latin1")).sort());
      expect(conversation.replies.length).toBeGreaterThan(1);
    }),
    { numRuns: 150 },
  );
});

test("with hold, an idle minute costs three heartbeats, and news comes within a tick", () => {
  const conversation = new Conversation(new Map([[METHOD.hold, encodeHold(25_000)]]));
  conversation.carryAll();
  conversation.advance(1_000);
  expect(conversation.replies).toEqual([1]);
  conversation.advance(60_000);
  expect(conversation.replies).toEqual([1, 0, 0]);
  conversation.roster.add(new RosterMember(1, encodeClientObject({ ip: 1, methods: [] }), new Uint8Array(8)));
  conversation.advance(20);
  expect(conversation.replies).toEqual([1, 0, 0, 1]);
});

test("without hold, an idle minute costs six heartbeats, and news comes with the next", () => {
  const conversation = new Conversation(new Map());
  conversation.carryAll();
  conversation.advance(60_000);
  expect(conversation.replies).toEqual([1, 0, 0, 0, 0, 0, 0]);
  conversation.roster.add(new RosterMember(1, encodeClientObject({ ip: 1, methods: [] }), new Uint8Array(8)));
  conversation.advance(9_999);
  expect(conversation.view.size).toBe(1);
  conversation.advance(1);
  expect(conversation.view.size).toBe(2);
});
