import { type ClientObject, METHOD, RosterView } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { OwnEntry } from "../src/own-entry.ts";
import type { Peer } from "../src/peer.ts";
import { PeerList } from "../src/peer-list.ts";
import { clientObject, named } from "./roster-objects.ts";

const ME = Uint8Array.of(77);
const me = (ip: string, session?: number) =>
  clientObject(ip, {
    [METHOD.name]: ME,
    ...(session !== undefined && { [METHOD.session]: new Uint8Array(8).fill(session) }),
  });

/** A list behind a real roster view. */
class Subject {
  readonly list = new PeerList();
  readonly #view = new RosterView({ staleGraceMs: 100 });
  #own: OwnEntry | undefined;

  /**
   * A new connection whose first reply brings this roster; the server says that the client has this address and,
   * where it is given, this session.
   */
  connect(toldAddress: string | undefined, roster: readonly ClientObject[], session?: number) {
    const offers = new Map([[METHOD.name, ME]]);
    const asked = [METHOD.name];
    const toldSession = session === undefined ? undefined : `0${session}`.repeat(8);
    const hasSession = (bytes: Uint8Array) => this.#view.hasSession(bytes);
    this.#own = toldAddress
      ? new OwnEntry({ offers, asked, toldAddress, toldSession, localAddress: undefined, hasSession })
      : undefined;
    this.#view.startOver();
    for (const object of roster) this.#view.added(object);
    return this.#apply(this.#view.commit(0), true);
  }

  reply(removed: readonly string[], added: readonly ClientObject[]) {
    for (const ip of removed) this.#view.removed(clientObject(ip).ip);
    for (const object of added) this.#view.added(object);
    return this.#apply(this.#view.commit(0), false);
  }

  expire() {
    return this.#apply(this.#view.expire(1_000), false);
  }

  get names() {
    return this.list.peers.map(show);
  }

  #apply(changes: Parameters<PeerList["apply"]>[0], first: boolean) {
    return this.list.apply(changes, this.#own, first).map(({ type, peer }) => `${type} ${show(peer)}`);
  }
}

const show = (peer: Peer) => `${peer.name}@${peer.ip}${peer.stale ? "?" : ""}`;
const A = "192.0.2.1";
const B = "192.0.2.2";

describe("the list of peers", () => {
  test("everybody but oneself, the same array until something changes", () => {
    const subject = new Subject();
    expect(subject.connect(A, [named("x"), me(A), named("y", B)])).toEqual([
      `joined x@${A}`,
      `joined y@${B}`,
    ]);
    const { peers } = subject.list;
    expect(subject.list.peers).toBe(peers);
    expect(subject.list.self).toMatchObject({ name: "M", ip: A, stale: false });
    expect(subject.reply([B], [])).toEqual([`left y@${B}`]);
    expect(subject.list.peers).not.toBe(peers);
    expect(peers.map(show)).toEqual([`x@${A}`, `y@${B}`]);
    expect(Object.isFrozen(peers)).toBe(true);
  });

  test("a watcher has no own entry", () => {
    const subject = new Subject();
    subject.connect(undefined, [me(A)]);
    expect(subject.names).toEqual([`M@${A}`]);
    expect(subject.list.self).toBe(undefined);
  });

  test("listed again behind a shared address: no news, and the ids stay", () => {
    const subject = new Subject();
    subject.connect(A, [me(A), named("x"), named("y")]);
    const ids = subject.list.peers.map(({ id }) => id);
    const self = subject.list.self;
    expect(subject.reply([A], [named("y"), me(A), named("x")])).toEqual([]);
    expect(subject.list.peers.map(({ id }) => id)).toEqual(ids);
    expect(subject.list.self).toBe(self);
  });

  test("ids are unique and are not used again", () => {
    const subject = new Subject();
    subject.connect(A, [me(A)]);
    const seen = new Set([subject.list.self?.id]);
    for (let i = 0; i < 3; i++) {
      subject.reply([], [named("x", B)]);
      seen.add(subject.list.peers[0]?.id);
      subject.reply([B], []);
    }
    expect(seen.size).toBe(4);
  });
});

describe("identical twins", () => {
  test("exactly one is oneself", () => {
    const subject = new Subject();
    subject.connect(A, [me(A), me(A), me(A)]);
    expect(subject.names).toEqual([`M@${A}`, `M@${A}`]);
    expect(subject.list.self).toMatchObject({ name: "M" });
    expect(new Set(subject.list.peers.map(({ id }) => id)).size).toBe(2);
  });

  test("one of them leaves: it is never oneself", () => {
    const subject = new Subject();
    subject.connect(A, [me(A), me(A)]);
    expect(subject.reply([A], [me(A)])).toEqual([`left M@${A}`]);
    expect(subject.names).toEqual([]);
    expect(subject.list.self).toMatchObject({ name: "M" });
    expect(subject.reply([], [me(A)])).toEqual([`joined M@${A}`]);
  });

  test("thousands of equal entries take no time", () => {
    const subject = new Subject();
    const crowd = Array.from({ length: 20_000 }, () => me(A));
    expect(subject.connect(A, crowd)).toHaveLength(19_999);
    expect(subject.reply([A], [me(A)])).toHaveLength(19_999);
  });
});

describe("after a reconnect", () => {
  test("the same is no news, who is missing is stale, then back or left", () => {
    const subject = new Subject();
    subject.connect(A, [me(A), named("x"), named("y"), named("z")]);
    const ids = new Map(subject.list.peers.map((peer) => [peer.name, peer.id]));
    expect(subject.connect(A, [named("z"), me(A)])).toEqual([`stale x@${A}?`, `stale y@${A}?`]);
    expect(subject.names).toEqual([`x@${A}?`, `y@${A}?`, `z@${A}`]);
    expect(subject.reply([], [named("x")])).toEqual([`back x@${A}`]);
    expect(subject.expire()).toEqual([`left y@${A}?`]);
    expect(subject.names).toEqual([`x@${A}`, `z@${A}`]);
    expect(subject.list.peers.map(({ name, id }) => ids.get(name) === id)).toEqual([true, true]);
  });

  test("the own entry is not there yet: oneself is nobody's news", () => {
    const subject = new Subject();
    subject.connect(A, [me(A)]);
    expect(subject.connect(A, [])).toEqual([]);
    expect(subject.list.self).toBe(undefined);
    expect(subject.names).toEqual([]);
    expect(subject.reply([], [me(A)])).toEqual([]);
    expect(subject.list.self).toMatchObject({ name: "M" });
  });

  test("from another address: the old own entry is no peer, neither stale nor left", () => {
    const subject = new Subject();
    subject.connect(A, [me(A), named("x")]);
    expect(subject.connect(B, [named("x"), me(B)])).toEqual([]);
    expect(subject.list.self).toMatchObject({ ip: B });
    expect(subject.names).toEqual([`x@${A}`]);
    expect(subject.expire()).toEqual([]);
    // Who comes with the looks of it later is somebody else.
    expect(subject.reply([], [me(A)])).toEqual([`joined M@${A}`]);
  });

  test("from another address, the server has not yet missed the old connection", () => {
    const subject = new Subject();
    subject.connect(A, [me(A), named("x")]);
    expect(subject.connect(B, [named("x"), me(A), me(B)])).toEqual([]);
    expect(subject.reply([A], [named("x")])).toEqual([]);
    expect(subject.reply([], [me(A)])).toEqual([`joined M@${A}`]);
  });

  test("from another address, with a twin at the old one that came meanwhile: sessions tell that it is somebody", () => {
    const subject = new Subject();
    subject.connect(A, [me(A, 1)], 1);
    expect(subject.connect(B, [me(A, 2), me(B, 3)], 3)).toEqual([`joined M@${A}`]);
    expect(subject.list.self).toMatchObject({ ip: B });
    expect(subject.reply([A], [])).toEqual([`left M@${A}`]);
  });

  test("from another address, with a twin in place of the old connection, which the server has missed at last", () => {
    const subject = new Subject();
    subject.connect(A, [me(A, 1)], 1);
    expect(subject.connect(B, [me(A, 1), me(B, 2)], 2)).toEqual([]);
    expect(subject.names).toEqual([]);
    expect(subject.reply([A], [me(A, 3)])).toEqual([`joined M@${A}`]);
    expect(subject.names).toEqual([`M@${A}`]);
  });

  test("from another address, with a twin at the old one", () => {
    const subject = new Subject();
    subject.connect(A, [me(A), me(A)]);
    expect(subject.connect(B, [me(A), me(B)])).toEqual([]);
    expect(subject.names).toEqual([`M@${A}`]);
    expect(subject.expire()).toEqual([]);
    expect(subject.names).toEqual([`M@${A}`]);
  });
});
