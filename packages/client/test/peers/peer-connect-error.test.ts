import { LektError, type LektErrorCode } from "@lekt/protocol";
import { expect, test } from "vitest";
import { type AttemptOutcome, TraceRecorder } from "../../src/peers/path-trace.ts";
import { type PeerConnectError, peerConnectError } from "../../src/peers/peer-connect-error.ts";

type Attempt = readonly [method: string, outcome: AttemptOutcome, reason: string, code?: LektErrorCode];

function errorOf(attempts: readonly Attempt[], timeoutMs?: number, isContested = false): PeerConnectError {
  const trace = new TraceRecorder("ab", () => 0);
  const errors: LektError[] = [];
  for (const [method, outcome, reason, code] of attempts) {
    trace.begin(method, "").end(outcome, reason);
    if (code) errors.push(new LektError(code, reason));
  }
  return peerConnectError({ peer: "ada (3f2a)", trace, errors, timeoutMs, isContested });
}

const FAILED: Attempt = ["tcp", "failed", "It timed out.", "LEKT_PATH"];

test.each<[string, Attempt[], LektErrorCode, string]>([
  [
    "no relay",
    [FAILED, ["udp", "failed", "Both are behind symmetric NATs.", "LEKT_PATH"]],
    "LEKT_UNREACHABLE",
    "No path to ada (3f2a): tcp: It timed out; udp: Both are behind symmetric NATs. " +
      "Let both sides join with relay() as well, and start the server with a relay.",
  ],
  [
    "a relay that cannot be used",
    [FAILED, ["relay", "skipped", "the peer does not offer it"]],
    "LEKT_UNREACHABLE",
    "No path to ada (3f2a): tcp: It timed out; relay: the peer does not offer it. " +
      "Let both sides join with relay(), and start the server with a relay: that works wherever the server can be reached.",
  ],
  [
    "a relay that is not reached",
    [FAILED, ["relay", "failed", "No circuit.", "LEKT_PATH"]],
    "LEKT_UNREACHABLE",
    "No path to ada (3f2a): tcp: It timed out; relay: No circuit. " +
      "Check that the peer still runs, and that no firewall is between this machine and the relay.",
  ],
  [
    "nothing in common",
    [["tcp", "skipped", "the peer does not offer it"]],
    "LEKT_UNREACHABLE",
    "No path to ada (3f2a): tcp: the peer does not offer it. " +
      "Let both sides join with a method in common, such as relay().",
  ],
  [
    "another key, and a path that broke",
    [FAILED, ["relay", "failed", "The keys differ.", "LEKT_NETWORK_KEY"]],
    "LEKT_NETWORK_KEY",
    "Could not connect to ada (3f2a): The keys differ. " +
      "Both sides need the same network key: pass on the same URL with its #key=.",
  ],
  [
    "somebody else, and the peer, which refuses",
    [
      ["tcp", "failed", "Another one.", "LEKT_PEER_IDENTITY"],
      ["relay", "failed", "Refused.", "LEKT_PEER_REFUSED"],
    ],
    "LEKT_PEER_REFUSED",
    "Could not connect to ada (3f2a): Refused. Ask whoever runs it to accept this identity and this label.",
  ],
])("says what was tried, and what would help: %s", (_, attempts, code, message) => {
  const error = errorOf(attempts);
  expect(error).toMatchObject({ code, message });
  expect(error.trace.attempts.length).toBe(attempts.length);
});

test("names the time that was given", () => {
  expect(errorOf([FAILED], 1_500).message).toMatch(/^No path to ada \(3f2a\) within 1\.5 s: tcp/);
});

test.each<[string, Attempt, RegExp]>([
  ["nobody was reached", FAILED, /Several in the roster show this identity/],
  [
    "somebody else was",
    ["tcp", "failed", "Another key.", "LEKT_PEER_IDENTITY"],
    /Several in the roster show this/,
  ],
  ["the peer itself refused", ["tcp", "failed", "No.", "LEKT_PEER_REFUSED"], /Ask whoever runs it to accept/],
])("where several show the identity, it says what to do when %s", (_, attempt, advice) => {
  expect(errorOf([attempt], undefined, true).message).toMatch(advice);
  expect(errorOf([attempt]).message).not.toMatch(/Several in the roster/);
});
