import { allowedTargets, type Endpoint } from "@lekt/protocol";
import { ByteDealer, type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { naiveAddress } from "../models/naive-address.ts";
import { lineOf, type NaiveQuestion, naiveTargets, networkOf } from "../models/naive-targets.ts";
import { dealtAddress } from "./address-program.ts";

const PORTS = [4_000, 4_001, 1, 65_535, 0, 65_536, -1, 1.5, Number.NaN];
/** The bytes are a program: it deals a network, and candidates. */
export function targetRulesTarget(name: string, judge: typeof allowedTargets = allowedTargets): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const dealer = new ByteDealer(bytes);
    const question = dealtQuestion(dealer);
    const candidates: Endpoint[] = [];
    while (!dealer.isEmpty && candidates.length < 20) candidates.push(dealtCandidate(dealer, question));
    const { allowed, refused } = judge({ ...question, candidates });
    check(allowed.length + refused.length === candidates.length, "a candidate is lost, or there twice");
    const network = networkOf(question);
    const expected = naiveTargets(candidates, network);
    for (const { reason } of refused) note(reason);
    for (const { address, port, reach } of allowed) {
      const judged = naiveAddress(address);
      const line = lineOf(judged, network);
      note(`${reach} ${network.own?.kind}`);
      check(line === reach, `the table of 9.5.4 says ${line}: ${address} is ${reach}`);
      check(expected.has(`${judged?.number} ${port}`), `it is one too many: ${address}`);
    }
    check(allowed.length === expected.size, `allowed are ${allowed.length}, and should be ${expected.size}`);
  };
  return {
    name,
    oracle: "allows what the table of spec 9.5.4 allows, in numbers, and never what it forbids",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 400,
    seeds: () =>
      [0, 1, 2, 3].map((seed) => inputOf(Uint8Array.from({ length: 120 }, (_, i) => i * i + seed))),
    run,
  };
}

function dealtQuestion(dealer: ByteDealer): NaiveQuestion {
  const [peer, own, local] = [dealtAddress(dealer), dealtAddress(dealer), dealtAddress(dealer)];
  const choices = dealer.byte();
  return {
    peerAddress: choices % 16 === 0 ? undefined : peer,
    ownPublicAddress: choices % 3 === 0 ? peer : choices % 16 === 1 ? undefined : own,
    ownLocalAddress: choices % 5 === 0 ? "127.0.0.1" : choices % 16 === 2 ? undefined : local,
  };
}

function dealtCandidate(dealer: ByteDealer, { peerAddress = "" }: NaiveQuestion): Endpoint {
  const choice = dealer.byte();
  const port = PORTS[choice >> 4] ?? 4_000 + (choice >> 4);
  return { address: choice % 4 === 0 ? peerAddress : dealtAddress(dealer), port };
}
