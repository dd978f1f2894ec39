import { expect, test } from "vitest";
import {
  MAX_TRACE_ATTEMPTS,
  MAX_TRACE_TEXT_LENGTH,
  MAX_TRACE_TEXTS,
  TraceRecorder,
} from "../../src/peers/path-trace.ts";

test("writes down what happened, and when; the first end counts", () => {
  let nowMs = 100;
  const trace = new TraceRecorder("ab", () => nowMs);
  nowMs = 110.4;
  const attempt = trace.begin("udp", "0123456789abcdef");
  attempt.candidate("udp 192.0.2.1:4, reflexive");
  attempt.note("mapping: symmetric");
  expect(trace.attempts).toMatchObject([{ startMs: 10, endMs: undefined, outcome: undefined }]);
  nowMs = 150;
  attempt.end("beaten", "tcp was there first");
  nowMs = 160;
  attempt.end("failed", "late");
  expect(trace).toMatchObject({ peer: "ab", omitted: 0 });
  expect(trace.attempts).toEqual([
    {
      method: "udp",
      id: "0123456789abcdef",
      startMs: 10,
      endMs: 50,
      candidates: ["udp 192.0.2.1:4, reflexive"],
      notes: ["mapping: symmetric"],
      outcome: "beaten",
      reason: "tcp was there first",
    },
  ]);
});

test("so many attempts, candidates and notes; what is left out is counted", () => {
  const trace = new TraceRecorder("ab", () => 0);
  const first = trace.begin("tcp", "0");
  for (let i = 0; i < MAX_TRACE_TEXTS; i++) {
    first.candidate(`${i}`);
    first.note(`${i}`);
  }
  for (let i = 1; i < MAX_TRACE_ATTEMPTS; i++) trace.begin("tcp", `${i}`);
  expect(trace.omitted).toBe(0);
  first.candidate("one more");
  first.note("one more");
  trace.begin("tcp", "one more").end("failed");
  expect(trace.omitted).toBe(3);
  expect(trace.attempts.length).toBe(MAX_TRACE_ATTEMPTS);
  expect(trace.attempts[0]?.candidates.length).toBe(MAX_TRACE_TEXTS);
  expect(trace.attempts[0]?.notes.length).toBe(MAX_TRACE_TEXTS);
});

test("texts are safe for terminals, and no longer than a line", () => {
  const trace = new TraceRecorder("ab", () => 0);
  const attempt = trace.begin("tcp", "0");
  attempt.note("\u001b[2J");
  attempt.note("x".repeat(MAX_TRACE_TEXT_LENGTH));
  attempt.note("x".repeat(MAX_TRACE_TEXT_LENGTH + 1));
  attempt.end("failed", "\u202e");
  const [{ notes, reason } = { notes: [], reason: "" }] = trace.attempts;
  expect(notes).toEqual([
    "\\u{1b}[2J",
    "x".repeat(MAX_TRACE_TEXT_LENGTH),
    `${"x".repeat(MAX_TRACE_TEXT_LENGTH - 1)}…`,
  ]);
  expect(reason).toBe("\\u{202e}");
});
