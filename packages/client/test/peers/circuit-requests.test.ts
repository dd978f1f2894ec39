import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitRequests, MAX_CIRCUIT_REQUESTS } from "../../src/peers/circuit-requests.ts";

const ANSWER = { circuit: "ab".repeat(32), relay: "relay.example:15358", expires: 1_800_000_000 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("asks the server, and gives each answer to whoever waits the longest", async () => {
  const sent: string[] = [];
  const requests = new CircuitRequests((payload) => sent.push(new TextDecoder().decode(payload)) > 0);
  const [first, second] = [requests.request(), requests.request()];
  expect(sent).toEqual(['{"want":"circuit"}', '{"want":"circuit"}']);
  requests.answered(ANSWER);
  requests.answered({ ...ANSWER, circuit: "cd".repeat(32), also: "unknown" });
  requests.answered(ANSWER);
  expect(await first).toEqual({
    token: ANSWER.circuit,
    relay: ANSWER.relay,
    expiresUnixSeconds: ANSWER.expires,
  });
  expect((await second).token).toBe("cd".repeat(32));
});

test.each([
  ["nothing", undefined],
  ["an error", { error: "no relay" }],
  ["a short token", { ...ANSWER, circuit: "ab" }],
  ["no address", { ...ANSWER, relay: "here" }],
  ["an address with a space", { ...ANSWER, relay: "a b:1" }],
  ["no time", { ...ANSWER, expires: "soon" }],
])("%s is no circuit", async (_, answer) => {
  const requests = new CircuitRequests(() => true);
  const request = requests.request();
  requests.answered(answer);
  await expect(request).rejects.toMatchObject({ code: "LEKT_UNREACHABLE" });
});

test("a server that is not reached, goes away, or keeps silent", async () => {
  await expect(new CircuitRequests(() => false).request()).rejects.toThrow(/not reached/);
  const requests = new CircuitRequests(() => true);
  const lost = [requests.request(), requests.request()];
  requests.lost();
  for (const request of lost) await expect(request).rejects.toThrow(/lost/);
  const silent = expect(requests.request()).rejects.toThrow(/did not answer/);
  vi.advanceTimersByTime(5_000);
  await silent;
  requests.answered(ANSWER);
});

test("so many at once", async () => {
  const requests = new CircuitRequests(() => true);
  const waiting = Array.from({ length: MAX_CIRCUIT_REQUESTS }, () => requests.request());
  await expect(requests.request()).rejects.toThrow(/64 circuits are asked for/);
  requests.answered(ANSWER);
  await waiting[0];
  const another = requests.request();
  requests.lost();
  await Promise.allSettled(waiting);
  await expect(another).rejects.toThrow(/lost/);
});
