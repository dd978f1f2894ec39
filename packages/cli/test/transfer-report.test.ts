import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TransferReport } from "../src/files/transfer-report.ts";
import { outputLines } from "../src/spare-lines.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Tells that 1 to 100 bytes of a file were moved, one every `stepMs`. @returns the bytes of the events that were written. */
async function written(type: "reading" | "progress", stepMs: number): Promise<unknown[]> {
  const lines: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  const report = new TransferReport({
    json: true,
    lines: outputLines(true),
    note: () => {},
    facts: { peer: "ada" },
    received: () => "",
  });
  for (let bytes = 1; bytes <= 100; bytes++) {
    await report.tell({ type, name: "a", bytes, size: 100 });
    vi.advanceTimersByTime(stepMs);
  }
  const events = lines.map((line) => JSON.parse(line));
  for (const { bytes, ...rest } of events)
    expect(rest).toEqual({ event: type, peer: "ada", name: "a", size: 100 });
  return events.map(({ bytes }) => bytes);
}

test("a file that is read soon is not told of", async () => {
  expect(await written("reading", 4)).toEqual([]);
});

test("a file that takes long to be read is told of twice a second, after half a second", async () => {
  expect(await written("reading", 20)).toEqual([26, 51, 76]);
});

test("what is sent is told from its first bytes on, and then twice a second", async () => {
  expect(await written("progress", 20)).toEqual([1, 26, 51, 76]);
});
