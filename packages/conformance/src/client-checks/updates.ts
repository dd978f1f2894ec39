import { type ClientObject, encodeClientObject, METHOD } from "@lekt/protocol";
import type { ClientCheck } from "../client-bench.ts";
import { bytesOf, portPayload, rawHeader, u32 } from "../raw-packets.ts";
import { added, removed, word } from "../visit.ts";

/** 198.51.100.1, an address of documentation. */
const IP = 0xc6336401;
const KIND = { added: 0x41, removed: 0x52 } as const;

/** An Added packet with any bytes as its objects (spec 5.5). */
function rawAdded(count: number, ...objects: readonly Uint8Array[]): Uint8Array {
  return bytesOf(rawHeader("H"), new Uint8Array(8), Uint8Array.of(KIND.added, 0, 0, count), ...objects);
}

/** An object with any methods, also in a wrong order. */
function object(...methods: readonly (readonly [number, Uint8Array])[]): ClientObject {
  return { ip: IP, methods: methods.map(([index, payload]) => ({ index, payload })) };
}

function tolerates(
  id: string,
  clauses: readonly string[],
  rule: string,
  packets: () => readonly Uint8Array[],
  needs: readonly number[] = [],
): ClientCheck {
  return {
    id,
    clauses,
    rule,
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await bench.settled();
      await visit.mustTake(rule, ...packets());
    },
  };
}

function closesAt(
  id: string,
  clauses: readonly string[],
  rule: string,
  bytes: () => Uint8Array,
): ClientCheck {
  return {
    id,
    clauses: ["1.5.1", "1.5.4", ...clauses],
    rule: `${rule}: a protocol error, the client closes.`,
    level: "must",
    run: async (bench) => {
      const visit = await bench.settled();
      visit.send(bytes());
      await visit.mustClose(rule);
    },
  };
}

export const clientUpdateChecks: readonly ClientCheck[] = [
  closesAt("update-magic", ["1.2"], "A packet does not begin with LEKT", () =>
    bytesOf("LEKS", new Uint8Array(16)),
  ),
  closesAt("update-type", ["1.2"], "A Request comes in the heartbeat phase", () =>
    bytesOf(rawHeader("T"), u32(1), new Uint8Array(8)),
  ),
  closesAt("update-kind", ["5.5"], "An update is neither Added nor Removed", () =>
    bytesOf(rawHeader("H"), new Uint8Array(8), "X", new Uint8Array(3)),
  ),
  closesAt("object-short", ["1.4.3", "5.6.1", "5.6.3"], "The size of an object is below 4", () =>
    rawAdded(1, u32(3), new Uint8Array(8)),
  ),
  closesAt("object-overrun", ["1.4.3", "5.6.3"], "A payload reaches past its object", () =>
    rawAdded(1, u32(14), u32(IP), u32(1), u32(3), Uint8Array.of(1, 2, 3)),
  ),
  closesAt("object-rest", ["5.6.3"], "An object has bytes left over that are too few for a method", () =>
    rawAdded(1, u32(8), u32(IP), u32(1)),
  ),
  closesAt("object-order", ["5.6.2", "5.6.3"], "The methods of an object do not ascend", () =>
    rawAdded(1, encodeClientObject(object([20, bytesOf("ada")], [1, portPayload(1)]))),
  ),
  closesAt("object-huge", ["1.4.3", "5.6.3"], "An object is larger than any can be", () =>
    rawAdded(1, u32(0x7fffffff), u32(IP)),
  ),
  tolerates(
    "methods-unknown",
    ["3.2", "5.6.4"],
    "Methods that the client does not know, past its n or reserved, are kept or skipped.",
    () =>
      added([
        object([5, bytesOf("?")], [30, bytesOf("?")], [63, bytesOf("?")], [0x7fffffff, new Uint8Array(3)]),
      ]),
  ),
  tolerates(
    "payload-unreadable",
    ["5.6.4", "methods 1"],
    "A payload that cannot be read makes that method useless, no more.",
    () =>
      added([
        object(
          [1, Uint8Array.of(1)],
          [2, Uint8Array.of(9)],
          [19, bytesOf("short")],
          [20, Uint8Array.of(0xff, 10)],
        ),
      ]),
  ),
  tolerates(
    "words-unknown",
    ["5.13"],
    "Words from the server that the client does not know or cannot read are ignored.",
    () => [
      ...added([word(31, bytesOf("?")), { ip: 0, methods: [] }]),
      ...added([word(METHOD.server, bytesOf("{no JSON")), object([1, portPayload(1)])]),
    ],
  ),
  tolerates("removed-nobody", ["5.7"], "An IP that nobody has, and a count of 0, change nothing.", () => [
    ...removed([0x01020304, 0]),
    bytesOf(rawHeader("H"), new Uint8Array(8), Uint8Array.of(KIND.removed, 0, 0, 0)),
  ]),
  tolerates(
    "pseudo-address",
    ["5.12.2", "5.12.4", "methods 25"],
    "A pseudo address is an address like others in the roster, with and without `ipv6`, whether they match or not.",
    () =>
      added([
        { ip: 0xf8cf350e, methods: [{ index: METHOD.ipv6, payload: new Uint8Array(16).fill(1) }] },
        { ip: 0xf0000000, methods: [] },
        object([METHOD.ipv6, new Uint8Array(3)]),
      ]),
  ),
  tolerates("timestamps", ["5.11"], "Every time stamp is legal.", () =>
    [0x7f, 0x80, 0xff].map((byte) =>
      bytesOf(rawHeader("H"), new Uint8Array(8).fill(byte), Uint8Array.of(KIND.removed, 0, 0, 0)),
    ),
  ),
  tolerates("packet-long", ["5.10"], "A packet longer than 65,536 bytes is taken.", () => {
    const crowd = Array.from({ length: 40 }, (_, i) => ({
      ...object([21, new Uint8Array(2_000)]),
      ip: IP + i,
    }));
    return [rawAdded(40, ...crowd.map((object) => encodeClientObject(object)))];
  }),
  tolerates("object-large", ["5.6.3"], "An object of 65,536 bytes is taken.", () =>
    // The IP and the head of its method are 12 bytes of it.
    added([object([40, new Uint8Array(65_536 - 12)])]),
  ),
  tolerates(
    "session-word",
    ["5.8.5", "5.8.7", "methods 29"],
    "A session that the client does not know is ignored in a word about sessions that are gone.",
    () => [
      ...added([object([1, portPayload(1)], [METHOD.session, new Uint8Array(8).fill(1)])]),
      ...added([word(METHOD.session, new Uint8Array(16).fill(9))]),
    ],
    [METHOD.session],
  ),
];
