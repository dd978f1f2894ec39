import {
  ClientSession,
  type Edition,
  fromHex,
  Roster,
  RosterView,
  ServerSession,
  toHex,
  UpdateLog,
} from "@lekt/protocol";
import { SimulatedPipe } from "@lekt/testkit";
import { vi } from "vitest";
import { PeerList } from "../../packages/client/src/peer-list.ts";
import { DeadlineWheel } from "../../packages/server/src/deadline-wheel.ts";
import { Network } from "../../packages/server/src/network.ts";
import { EndOfReply, LongReply } from "../../packages/server/src/reply.ts";
import { ReplyWriter } from "../../packages/server/src/reply-writer.ts";
import { SignalQueue } from "../../packages/server/src/signal-queue.ts";
import { SignalRouter } from "../../packages/server/src/signal-router.ts";

/** What is simulated, with one bug such as people make, and what the simulation says to it. */
interface BrokenHeart {
  readonly bug: string;
  /** Until `vi.restoreAllMocks()`. */
  readonly breakIt: () => void;
  /** Where the search begins; 1 where it is not said. */
  readonly firstSeed?: number;
  readonly says: RegExp;
}

const { prototype: roster } = Roster;
const { prototype: view } = RosterView;
const { prototype: log } = UpdateLog;
const { prototype: wheel } = DeadlineWheel;
const { prototype: queue } = SignalQueue;

const SIGNAL_HEAD_BYTES = 44;

/** Every so many calls are left out. */
function everyNth(times: number): () => boolean {
  let calls = 0;
  return () => ++calls % times === 0;
}

export const BROKEN: readonly BrokenHeart[] = [
  {
    bug: "a server that drops a leave",
    breakIt: () => {
      const { remove } = roster;
      const isDropped = everyNth(3);
      vi.spyOn(roster, "remove").mockImplementation(function (this: Roster, member, nowMs) {
        if (!isDropped()) remove.call(this, member, nowMs);
      });
    },
    says: /shown where/,
  },
  {
    bug: "a server that drops a newcomer",
    breakIt: () => {
      const { add } = roster;
      const isDropped = everyNth(4);
      vi.spyOn(roster, "add").mockImplementation(function (this: Roster, member) {
        if (!isDropped()) add.call(this, member);
      });
    },
    says: /shown where|news are kept back/,
  },
  {
    bug: "a server that tells changes out of order",
    breakIt: () => {
      const { change } = roster;
      const before = new WeakMap<object, Uint8Array>();
      vi.spyOn(roster, "change").mockImplementation(function (this: Roster, member, object, nowMs) {
        change.call(this, member, before.get(member) ?? object, nowMs);
        before.set(member, object);
      });
    },
    says: /shown where|seen again|news are kept back/,
  },
  {
    bug: "a server that trusts a token to any place",
    breakIt: () => {
      const { enter } = roster;
      vi.spyOn(roster, "enter").mockImplementation(function (this: Roster, withSessions) {
        const edition: Edition = enter.call(this, withSessions);
        edition.positionOf = (token) => (token.length > 0 ? edition.log.end : undefined);
        return edition;
      });
    },
    says: /shown where/,
  },
  {
    bug: "a client that ignores who was removed",
    breakIt: () => void vi.spyOn(view, "removed").mockImplementation(() => {}),
    says: /shown where/,
  },
  {
    bug: "a client that ignores sessions that are gone",
    breakIt: () => void vi.spyOn(view, "gone").mockImplementation(() => {}),
    says: /shown where/,
  },
  {
    bug: "a client that tells of changes that were none",
    breakIt: () => {
      const { apply } = PeerList.prototype;
      vi.spyOn(PeerList.prototype, "apply").mockImplementation(function (
        this: PeerList,
        changes,
        own,
        first,
      ) {
        return [...apply.call(this, changes, own, first), ...apply.call(this, changes, own, false)];
      });
    },
    says: /were reported where/,
  },
  {
    bug: "a log that forgets too early",
    breakIt: () => {
      const { trim } = log;
      vi.spyOn(log, "trim").mockImplementation(function (this: UpdateLog, nowMs) {
        trim.call(this, nowMs + 3_600_000);
      });
    },
    says: /fell too far behind.*bytes behind/,
  },
  {
    bug: "a log that forgets nothing",
    // More changes than their past has room for are rare.
    firstSeed: 250,
    breakIt: () => void vi.spyOn(log, "trim").mockImplementation(() => {}),
    says: /a log of/,
  },
  {
    bug: "a deadline that is kept too late",
    breakIt: () => {
      const { turn } = wheel;
      vi.spyOn(wheel, "turn").mockImplementation(function (this: DeadlineWheel<never>, nowMs, expired) {
        turn.call(this, nowMs - 500, expired);
      });
    },
    says: /too late|is held for/,
  },
  {
    bug: "a deadline that comes too early",
    breakIt: () => {
      const { replied } = ServerSession.prototype;
      vi.spyOn(ServerSession.prototype, "replied").mockImplementation(function (
        this: ServerSession,
        nowMs,
        hadNews,
      ) {
        replied.call(this, nowMs, hadNews);
        this.deadlineMs = nowMs + 500;
      });
    },
    says: /too early/,
  },
  {
    bug: "a reply without its end",
    breakIt: () => void vi.spyOn(EndOfReply.prototype, "at").mockImplementation(() => Buffer.alloc(0)),
    says: /is held for|news are kept back|for no reason/,
  },
  {
    bug: "a reply with two ends",
    breakIt: () => {
      const { at } = EndOfReply.prototype;
      vi.spyOn(EndOfReply.prototype, "at").mockImplementation(function (this: EndOfReply, unixSeconds) {
        const end = at.call(this, unixSeconds);
        return Buffer.concat([end, end]);
      });
    },
    says: /no heartbeat asked for/,
  },
  {
    bug: "a slice that ends inside a packet",
    breakIt: () => {
      const { next } = LongReply.prototype;
      vi.spyOn(LongReply.prototype, "next").mockImplementation(function (this: LongReply, nowMs) {
        const slice = next.call(this, nowMs);
        const last = slice?.pop();
        return last && slice ? [...slice, last.subarray(0, 7), last.subarray(7)] : slice;
      });
    },
    says: /a write ends inside/,
  },
  {
    bug: "a server that writes without waiting for a slow reader",
    // Readers that are so slow are rare.
    firstSeed: 19,
    breakIt: () => {
      const { write } = ReplyWriter.prototype;
      vi.spyOn(ReplyWriter.prototype, "write").mockImplementation(function (
        this: ReplyWriter,
        visitor,
        parts,
      ) {
        write.call(this, visitor, parts);
        visitor.blocked = false;
        return true;
      });
    },
    says: /bytes wait in the server|too early|reads nothing/,
  },
  {
    bug: "a server that keeps readers who read nothing",
    breakIt: () => void vi.spyOn(ReplyWriter.prototype, "keepsPace").mockImplementation(() => true),
    says: /is still there/,
  },
  {
    bug: "a limit that is not kept",
    breakIt: () => void vi.spyOn(Network.prototype, "clientsOf").mockImplementation(() => 0),
    says: /more clients of one address/,
  },
  {
    bug: "a client that asks only once",
    breakIt: () => {
      const deadlineMs = vi.spyOn(ClientSession.prototype, "deadlineMs", "get");
      deadlineMs.mockImplementation(() => Number.POSITIVE_INFINITY);
    },
    says: /asks for nothing|silent for|its setup goes on|no heartbeat/,
  },
  {
    bug: "a server that loses a signal",
    breakIt: () => {
      const { add } = queue;
      const isLost = everyNth(5);
      vi.spyOn(queue, "add").mockImplementation(function (this: SignalQueue, packet) {
        return isLost() || add.call(this, packet);
      });
    },
    says: /did not come back|where back/,
  },
  {
    bug: "a server that passes signals on to everybody",
    breakIt: () => {
      const { listenersOf } = Network.prototype;
      const all = new Set<string>();
      vi.spyOn(Network.prototype, "listenersOf").mockImplementation(function (this: Network, identity) {
        all.add(toHex(identity));
        return [...all].flatMap((each) => [...listenersOf.call(this, fromHex(each) as Uint8Array)]);
      });
    },
    says: /for somebody else/,
  },
  {
    bug: "a server that routes a signal twice",
    breakIt: () => {
      const { route } = SignalRouter.prototype;
      vi.spyOn(SignalRouter.prototype, "route").mockImplementation(function (this: SignalRouter, ...signal) {
        route.apply(this, signal);
        route.apply(this, signal);
      });
    },
    says: /came twice|more signals came back/,
  },
  {
    bug: "a server that writes signals out of order",
    breakIt: () => {
      const { take } = queue;
      vi.spyOn(queue, "take").mockImplementation(function (this: SignalQueue, maxBytes) {
        return [...take.call(this, maxBytes)].reverse();
      });
    },
    says: /out of order/,
  },
  {
    bug: "a server that names another sender",
    breakIt: () => {
      const { add } = queue;
      vi.spyOn(queue, "add").mockImplementation(function (this: SignalQueue, packet) {
        const isBack = packet.length === SIGNAL_HEAD_BYTES;
        return add.call(this, isBack ? packet : packet.map((byte, at) => (at === 8 ? byte ^ 1 : byte)));
      });
    },
    says: /in the name of another/,
  },
  {
    bug: "a server that lets clients signal without end",
    breakIt: () => void vi.spyOn(ServerSession.prototype, "maySignal").mockImplementation(() => true),
    says: /over the rate/,
  },
  {
    bug: "a server that returns what it could pass on",
    breakIt: () => {
      const isReturned = everyNth(9);
      vi.spyOn(ServerSession.prototype, "maySignal").mockImplementation(() => !isReturned());
    },
    says: /a signal for \d+ came back/,
  },
  {
    bug: "a client that loses a signal",
    breakIt: () => {
      const { takeEvents } = ClientSession.prototype;
      const isLost = everyNth(20);
      vi.spyOn(ClientSession.prototype, "takeEvents").mockImplementation(function (this: ClientSession) {
        return takeEvents.call(this).filter(({ type }) => type !== "signal" || !isLost());
      });
    },
    says: /took the signal|never came/,
  },
  {
    bug: "a wire that loses a byte",
    breakIt: () => {
      const { write } = SimulatedPipe.prototype;
      const isLost = everyNth(50);
      vi.spyOn(SimulatedPipe.prototype, "write").mockImplementation(function (this: SimulatedPipe, bytes) {
        return write.call(this, isLost() ? bytes.subarray(1) : bytes);
      });
    },
    says: /LEKT_PROTOCOL|refused without a reason \(malformed|for no reason/,
  },
];
