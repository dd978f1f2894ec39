import { expect, test } from "vitest";
import {
  ATTEMPT_MEMORY_MS,
  AttemptGate,
  MAX_ATTEMPTS_OF_ONE_PEER,
  MAX_PEER_ATTEMPTS,
} from "../../src/peers/attempt-gate.ts";

function gateWith(count: number, peerOf: (i: number) => string): AttemptGate {
  const gate = new AttemptGate();
  for (let i = 0; i < count; i++) expect(gate.admits(peerOf(i), `${i}`, 0)).toBe(true);
  return gate;
}

test("so many of one peer, and others are let in all the same", () => {
  const gate = gateWith(MAX_ATTEMPTS_OF_ONE_PEER, () => "ada");
  expect(gate.admits("ada", "one more", 0)).toBe(false);
  expect(gate.admits("ada", "0", 0)).toBe(true);
  expect(gate.admits("bob", "one", 0)).toBe(true);
});

test("so many of all peers", () => {
  const gate = gateWith(MAX_PEER_ATTEMPTS, (i) => `peer ${i}`);
  expect(gate.admits("ada", "one more", 0)).toBe(false);
  gate.done("peer 7", "7");
  expect(gate.admits("ada", "one more", 0)).toBe(true);
  expect(gate.admits("ada", "and one more", 0)).toBe(false);
});

test("what led to a path counts no more; what never was changes nothing", () => {
  const gate = gateWith(MAX_ATTEMPTS_OF_ONE_PEER, () => "ada");
  gate.done("ada", "never was");
  gate.done("bob", "0");
  expect(gate.admits("ada", "one more", 0)).toBe(false);
  gate.done("ada", "0");
  gate.done("ada", "0");
  expect(gate.admits("ada", "one more", 0)).toBe(true);
  expect(gate.admits("ada", "and one more", 0)).toBe(false);
});

test("forgotten when nothing was heard of it for a while, counted from the last signal", () => {
  const gate = gateWith(MAX_ATTEMPTS_OF_ONE_PEER, () => "ada");
  expect(gate.admits("ada", "0", 1)).toBe(true);
  expect(gate.admits("ada", "one more", ATTEMPT_MEMORY_MS - 1)).toBe(false);
  for (let i = 1; i < MAX_ATTEMPTS_OF_ONE_PEER; i++) {
    expect(gate.admits("ada", `new ${i}`, ATTEMPT_MEMORY_MS)).toBe(true);
  }
  expect(gate.admits("ada", "one more", ATTEMPT_MEMORY_MS)).toBe(false);
  expect(gate.admits("ada", "one more", ATTEMPT_MEMORY_MS + 1)).toBe(true);
});

test("where others show the identity, a further one takes the place of the longest silent of its own", () => {
  const gate = gateWith(MAX_ATTEMPTS_OF_ONE_PEER, () => "ada");
  expect(gate.admits("bob", "one", 0)).toBe(true);
  expect(gate.admits("ada", "0", 1, true)).toBe(true);
  expect(gate.admits("ada", "one more", 1, true)).toBe(true);
  // "1" is forgotten; whatever of the others is heard of again is known.
  for (const known of ["0", "2", "one more"]) expect(gate.admits("ada", known, 1)).toBe(true);
  expect(gate.admits("ada", "1", 1)).toBe(false);
});

test("in a full table, too, and it takes no other peer's place", () => {
  const gate = gateWith(MAX_PEER_ATTEMPTS, (i) => `peer ${i}`);
  expect(gate.admits("ada", "one", 0, true)).toBe(false);
  expect(gate.admits("peer 7", "one more", 0, true)).toBe(true);
  expect(gate.admits("peer 7", "7", 0)).toBe(false);
});
