import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { EventQueue } from "../src/event-queue.ts";

function queue(options: { maxQueued?: number; signal?: AbortSignal } = {}) {
  let closed = 0;
  const subject = new EventQueue<number>({
    maxQueued: options.maxQueued ?? 3,
    onClosed: () => closed++,
    signal: options.signal,
  });
  return { subject, closed: () => closed };
}

describe("event queue", () => {
  test("in order, also where the reader comes first", async () => {
    const { subject } = queue();
    const first = [subject.next(), subject.next()];
    for (const i of [1, 2, 3]) subject.push(i);
    expect(await Promise.all([...first, subject.next()])).toEqual([
      { value: 1, done: false },
      { value: 2, done: false },
      { value: 3, done: false },
    ]);
  });

  test("long runs, read at another pace", async () => {
    const { subject } = queue({ maxQueued: 10_000 });
    const read: number[] = [];
    for (let i = 0; i < 5_000; i++) {
      subject.push(2 * i);
      subject.push(2 * i + 1);
      const { value } = await subject.next();
      if (value !== undefined) read.push(value);
    }
    subject.end();
    for await (const value of subject) read.push(value);
    expect(read).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  });

  test("the end comes after what waits", async () => {
    const { subject, closed } = queue();
    subject.push(1);
    subject.end();
    subject.push(2);
    expect(closed()).toBe(1);
    expect(await subject.next()).toEqual({ value: 1, done: false });
    expect(await subject.next()).toEqual({ value: undefined, done: true });
  });

  test("an error is thrown once, after what waits", async () => {
    const { subject } = queue();
    subject.push(1);
    subject.end(new Error("broken"));
    expect(await subject.next()).toEqual({ value: 1, done: false });
    await expect(subject.next()).rejects.toThrow("broken");
    expect(await subject.next()).toEqual({ value: undefined, done: true });
  });

  test("too many: LEKT_EVENTS_LOST in their place", async () => {
    const { subject, closed } = queue({ maxQueued: 3 });
    for (const i of [1, 2, 3]) subject.push(i);
    expect(closed()).toBe(0);
    subject.push(4);
    expect(closed()).toBe(1);
    await expect(subject.next()).rejects.toMatchObject({ code: "LEKT_EVENTS_LOST" });
    expect(await subject.next()).toEqual({ value: undefined, done: true });
  });

  test("who leaves the loop is forgotten", async () => {
    const { subject, closed } = queue();
    subject.push(1);
    subject.push(2);
    for await (const value of subject) if (value === 1) break;
    expect(closed()).toBe(1);
    expect(await subject.next()).toEqual({ value: undefined, done: true });
  });

  test("return ends those who wait", async () => {
    const { subject } = queue();
    const waiting = subject.next();
    await subject.return();
    expect(await waiting).toEqual({ value: undefined, done: true });
  });

  test("a signal aborts waiting, and is let go of", async () => {
    const controller = new AbortController();
    const { subject, closed } = queue({ signal: controller.signal });
    const waiting = subject.next();
    controller.abort("enough");
    await expect(waiting).rejects.toMatchObject({ code: "LEKT_ABORTED", cause: "enough" });
    expect(closed()).toBe(1);

    const other = new AbortController();
    const { subject: ended } = queue({ signal: other.signal });
    ended.end();
    expect(getEventListeners(other.signal, "abort")).toHaveLength(0);
  });

  test("a signal that has fired already", async () => {
    const { subject } = queue({ signal: AbortSignal.abort() });
    await expect(subject.next()).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });
});
