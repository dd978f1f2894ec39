import {
  ClientSession,
  concatBytes,
  encodeAccept,
  encodeClientObject,
  encodeEndOfReply,
  encodeReject,
  encodeRequest,
  encodeUpdates,
  encodeUtf8,
  encodeWord,
  METHOD,
  type MethodInfo,
} from "@lekt/protocol";
import { type FuzzInput, inputOf, piecesOf } from "../engine/fuzz-input.ts";
import type { FuzzTarget } from "../engine/fuzz-target.ts";
import { ClientSessionRun, type MakeClientSession } from "./client-session-run.ts";
import { OFFERS } from "./offers.ts";
import { streamSeeds } from "./vector-seeds.ts";

/** `calls[0]` says what the client offers, `calls[1]` how many peers it takes; then come calls between the pieces. */
export function clientSessionTarget(
  name: string,
  make: MakeClientSession = (...of) => new ClientSession(...of),
): FuzzTarget {
  return {
    name,
    oracle: "has the roster that a plain model has, sends what the rules allow and ends as the model does",
    takesSplits: true,
    takesCalls: true,
    maxBytes: 3_000,
    seeds,
    run: (input, note) => new ClientSessionRun(make, input.calls, note).run(piecesOf(input)),
  };
}

const END = encodeEndOfReply(7n);

function updates(kind: "added" | "removed", entries: readonly Uint8Array[]): Uint8Array {
  const packets: Uint8Array[] = [];
  encodeUpdates(kind, entries, 7n, (bytes) => {
    const packet = new Uint8Array(bytes);
    packets.push(packet);
    return packet;
  });
  return concatBytes(packets);
}

function client(ip: number, name: string, session?: number): Uint8Array {
  const methods: MethodInfo[] = [{ index: METHOD.name, payload: encodeUtf8(name) }];
  if (session !== undefined)
    methods.push({ index: METHOD.session, payload: new Uint8Array(8).fill(session) });
  return encodeClientObject({ ip, methods });
}

function seeds(): readonly FuzzInput[] {
  const setups = OFFERS.map((offers) => {
    const asked = [...offers.keys()].sort((a, b) => a - b);
    return concatBytes([encodeAccept(), ...[...asked, 0].map((method) => encodeRequest(method))]);
  });
  const ip = (last: number) => Uint8Array.of(0, 0, 0, last);
  const word = (method: number, payload: Uint8Array) => encodeWord(method, payload, 7);
  const token = encodeUtf8("token");
  const info = encodeUtf8('{"you":{"address":"::1","port":1},"heartbeatSeconds":0.1,"relay":null,"stun":[]}');
  const two = updates("added", [client(1, "a", 1), client(1, "b", 2)]);
  const first = concatBytes([
    word(METHOD.server, info),
    word(METHOD.resume, new Uint8Array(0)),
    two,
    word(26, token),
    END,
  ]);
  const changes = concatBytes([updates("removed", [ip(1)]), updates("added", [client(2, "c", 3)]), END]);
  const gone = concatBytes([word(METHOD.session, new Uint8Array(8).fill(1)), END]);
  const again = concatBytes([word(METHOD.resume, token), gone]);
  const inputs: FuzzInput[] = [];
  for (const [i, setup] of setups.entries()) {
    const calls = Uint8Array.of(i, 0, 0, 1, 4, 2, 4, 4);
    inputs.push(
      inputOf(concatBytes([setup, first, changes, gone]), calls, [setup.length, setup.length + first.length]),
    );
    // The connection breaks, the next one resumes.
    const breaks = Uint8Array.of(i, 0, 0, 2, 6, 7, 1, 9);
    inputs.push(
      inputOf(concatBytes([setup, first, setup, again, changes]), breaks, [setup.length + first.length]),
    );
    // The word that the roster goes on comes too late.
    const late = concatBytes([updates("added", [client(3, "d", 4)]), word(METHOD.resume, token), END]);
    inputs.push(inputOf(concatBytes([setup, first, setup, late]), breaks, [setup.length + first.length]));
    inputs.push(inputOf(concatBytes([setup, two, two, two, END]), Uint8Array.of(i, 1)));
    inputs.push(inputOf(concatBytes([setup, ...Array.from({ length: 45 }, () => END)]), Uint8Array.of(i)));
    inputs.push(inputOf(concatBytes([setup, two]), Uint8Array.of(i, 0, 0, 4, 4, 4, 4)));
    inputs.push(inputOf(concatBytes([setup, encodeReject("limit", "full")]), Uint8Array.of(i, 0, 0)));
  }
  const accept = encodeAccept();
  const none = new Uint8Array(0);
  const vectors = streamSeeds(
    "server to client",
    { handshake: none, setup: accept, heartbeat: setups[0] ?? none },
    () => Uint8Array.of(0),
  );
  return [...inputs, ...vectors];
}
