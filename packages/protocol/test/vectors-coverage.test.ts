import { expect, test } from "vitest";
import {
  CIRCUIT_TOKENS_FILE,
  GOOD_FILES,
  goodVectors,
  MALFORMED_FILES,
  malformedVectors,
  PAYLOADS_FILE,
  PEERS_FILE,
  PROBES_FILE,
  payloadVectors,
  peerVectors,
  ROSTERS_FILE,
  rosterVectors,
  STUN_FILE,
  stunVectors,
  URLS_FILE,
  vectorFileNames,
} from "./vector-files.ts";

test("every vector file is read by some test", () => {
  const others = [
    CIRCUIT_TOKENS_FILE,
    PAYLOADS_FILE,
    PEERS_FILE,
    PROBES_FILE,
    ROSTERS_FILE,
    STUN_FILE,
    URLS_FILE,
  ];
  const read = [...GOOD_FILES, ...MALFORMED_FILES, ...others];
  expect(vectorFileNames().sort()).toEqual([...read].sort());
});

test("no file is empty, and no name is there twice", () => {
  const lists = [
    ...GOOD_FILES.map(goodVectors),
    ...MALFORMED_FILES.map(malformedVectors),
    payloadVectors(),
    rosterVectors(),
    stunVectors().requests,
    stunVectors().responses,
    peerVectors().preambles,
    peerVectors().malformed,
    peerVectors().proofs,
    peerVectors().frames,
    peerVectors().malformedFrames,
  ];
  for (const list of lists) {
    expect(list.length).toBeGreaterThan(0);
    expect(new Set(list.map(({ name }) => name)).size).toBe(list.length);
  }
});
