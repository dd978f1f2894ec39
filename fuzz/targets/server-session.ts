import {
  concatBytes,
  encodeHandshake,
  encodeHeartbeat,
  encodeHold,
  encodeListeningPorts,
  encodeResponse,
  encodeSignal,
  encodeUtf8,
  METHOD,
  ServerSession,
} from "@lekt/protocol";
import { type FuzzInput, inputOf, piecesOf } from "../engine/fuzz-input.ts";
import type { FuzzTarget } from "../engine/fuzz-target.ts";
import { type MakeServerSession, SERVER_RUN, ServerSessionRun } from "./server-session-run.ts";
import { streamSeeds } from "./vector-seeds.ts";

/** `calls[0]` are flags of `SERVER_RUN`; what follows are calls between the pieces. */
export function serverSessionTarget(
  name: string,
  make: MakeServerSession = (...of) => new ServerSession(...of),
): FuzzTarget {
  return {
    name,
    oracle:
      "refuses, introduces and counts as a model written from the specification does, at any split, calls and times",
    takesSplits: true,
    takesCalls: true,
    maxBytes: 24_000,
    seeds,
    run: (input, note) => new ServerSessionRun(make, input.calls, note).run(piecesOf(input)),
  };
}

/** Texts that no message of the server's own has in it. */
const OFFERS: readonly (readonly [number, Uint8Array])[] = [
  [METHOD.tcp, encodeListeningPorts({ port: 4_000, endpoints: [{ address: "10.0.0.1", port: 7 }] })],
  [METHOD.network, encodeUtf8("~^network^~")],
  [METHOD.token, encodeUtf8("~^token^~")],
  [METHOD.identity, new Uint8Array(32).fill(0x7e)],
  [METHOD.name, encodeUtf8("~^name^~")],
  [METHOD.data, encodeUtf8("~^data^~")],
  [METHOD.hold, encodeHold(25_000)],
  [METHOD.server, new Uint8Array(0)],
  [METHOD.signal, new Uint8Array(0)],
  [METHOD.resume, encodeUtf8("~^resume^~")],
  [METHOD.update, new Uint8Array(0)],
  [METHOD.session, new Uint8Array(0)],
  [40, encodeUtf8("~^forty^~")],
];

function conversation(methods: readonly number[], ...rest: readonly Uint8Array[]): Uint8Array {
  const offered = OFFERS.filter(([index]) => methods.includes(index));
  return concatBytes([
    encodeHandshake(64, methods),
    ...offered.map(([index, payload]) => encodeResponse(index, payload)),
    ...rest,
  ]);
}

function seeds(): readonly FuzzInput[] {
  const { admits, replies, isProtected, hasIpv6 } = SERVER_RUN;
  const all = OFFERS.map(([index]) => index);
  const beat = encodeHeartbeat(7n);
  const everything = Uint8Array.of(admits + replies + isProtected + hasIpv6, 1, 3, 1, 6, 1);
  const update = [encodeResponse(20, encodeUtf8("~^new^~")), encodeResponse(0, encodeUtf8("~")), beat];
  const signal = encodeSignal(new Uint8Array(32).fill(7), encodeUtf8("~^signal^~"));
  const identities = [2, 0, 3].map((byte) => encodeResponse(METHOD.identity, new Uint8Array(32).fill(byte)));
  const handshake = encodeHandshake(20, [1, 17, 20]);
  const answers = conversation([1, 17, 20]).subarray(handshake.length);
  const whole = conversation(all);
  return [
    inputOf(conversation(all, beat, ...update), everything, [whole.length, whole.length + 16]),
    inputOf(
      conversation([METHOD.hold], beat, beat, beat),
      Uint8Array.of(admits, 0, 2, 5, 0, 0, 4),
      [28, 40, 60],
    ),
    inputOf(conversation([]), Uint8Array.of(0, 3, 4, 0, 3)),
    inputOf(conversation([1]), Uint8Array.of(0, 1, 5, 2, 2), [20]),
    inputOf(
      conversation([], ...Array.from({ length: 45 }, () => beat)),
      Uint8Array.of(admits + replies),
      [20],
    ),
    inputOf(
      conversation([19, 24, 28], signal, ...identities, beat, signal),
      Uint8Array.of(admits, 0, 0),
      [88],
    ),
    inputOf(conversation([24], signal), Uint8Array.of(admits), [16]),
    inputOf(conversation([20, 28], ...update, ...update), Uint8Array.of(admits, 0, 0), [60]),
    ...streamSeeds(
      "client to server",
      { handshake: new Uint8Array(0), setup: handshake, heartbeat: concatBytes([handshake, answers]) },
      () => Uint8Array.of(admits + replies),
    ).map((input) => ({ ...input, splits: [handshake.length, handshake.length + answers.length] })),
  ];
}
