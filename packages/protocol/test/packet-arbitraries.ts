import fc from "fast-check";
import { concatBytes } from "../src/bytes.ts";
import { ipv4Bytes } from "../src/ip.ts";
import { METHOD } from "../src/method-list.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { type ClientObject, encodeClientObject } from "../src/packets/client-object.ts";
import { encodeHandshake } from "../src/packets/handshake.ts";
import { encodeHeartbeat } from "../src/packets/heartbeat.ts";
import { encodeReject } from "../src/packets/reject.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { encodeSignal } from "../src/packets/signal.ts";
import { encodeEndOfReply } from "../src/packets/update.ts";
import { REJECT_WORDS } from "../src/reject-words.ts";
import { PROTOCOL_VERSION, type Version } from "../src/version.ts";
import { updates } from "./update-packets.ts";

export const u32 = fc.oneof(
  fc.nat(0xffff_ffff),
  fc.nat(70),
  fc.constantFrom(0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
export const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const byte = fc.nat(255);
export const payload = fc.uint8Array({ maxLength: 40 });
export const version = fc.record({ major: byte, minor: byte, extra: byte });
export const ownVersion = fc.record({ major: fc.constant(1), minor: byte, extra: byte });

export const clientObject: fc.Arbitrary<ClientObject> = fc.record({
  ip: u32,
  methods: fc
    .uniqueArray(fc.record({ index: u32.map((index) => index || 1), payload }), {
      selector: ({ index }) => index,
      maxLength: 5,
    })
    .map((methods) => methods.toSorted((a, b) => a.index - b.index)),
});

/** n and the methods that are set, ascending. */
export const bitfield = fc.nat(130).chain((known) =>
  fc.record({
    known: fc.constant(known),
    methods: fc
      .uniqueArray(fc.integer({ min: 1, max: Math.max(1, known) }), { maxLength: known })
      .map((methods) => methods.toSorted((a, b) => a - b)),
  }),
);

const handshake = fc
  .tuple(bitfield, ownVersion)
  .map(([{ known, methods }, own]) => encodeHandshake(known, methods, own));
const response = fc.tuple(u32, payload, version).map((of) => encodeResponse(...of));
const heartbeat = fc.tuple(i64, version).map((of) => encodeHeartbeat(...of));

export const identity = fc.uint8Array({ minLength: 32, maxLength: 32 });
const signal = fc
  .tuple(identity, fc.uint8Array({ minLength: 1, maxLength: 40 }), version)
  .map((of) => encodeSignal(...of));
const signalSetter = ownVersion.map((own) => encodeHandshake(24, [19, 24], own));
const emptySignal = fc.tuple(identity, version).map(([to, own]) => encodeSignal(to, new Uint8Array(0), own));

/** A client's side of a conversation; the server waits for `asked` responses. */
export const clientStream = fc
  .oneof(
    fc.tuple(
      handshake,
      fc.array(response, { maxLength: 4 }),
      fc.array(fc.oneof(heartbeat, response), { maxLength: 6 }),
    ),
    fc.tuple(
      signalSetter,
      fc.array(response, { maxLength: 2 }),
      fc.array(fc.oneof(heartbeat, response, signal), { maxLength: 6 }),
    ),
  )
  .map(([first, responses, others]) => ({
    asked: responses.length,
    bytes: concatBytes([first, ...responses, ...others]),
  }));

const update = fc.oneof(
  fc.tuple(fc.array(clientObject, { maxLength: 4 }), i64).map(([objects, timestamp]) =>
    concatBytes(
      updates(
        "added",
        objects.map((object) => encodeClientObject(object)),
        timestamp,
      ),
    ),
  ),
  fc
    .tuple(fc.array(u32, { maxLength: 4 }), i64)
    .map(([ips, timestamp]) => concatBytes(updates("removed", ips.map(ipv4Bytes), timestamp))),
  i64.map((timestamp) => encodeEndOfReply(timestamp)),
);
const reject = fc
  .tuple(fc.constantFrom(...REJECT_WORDS), fc.string({ unit: "binary", maxLength: 30 }), version)
  .map((of) => encodeReject(...of));

const signalRequest: [number, Version] = [METHOD.signal, PROTOCOL_VERSION];

/** A server's side of a conversation, which may end in a Reject at any place. */
export const serverStream = fc
  .boolean()
  .chain((hasSignals) =>
    fc.tuple(
      ownVersion.map((own) => encodeAccept(own)),
      fc
        .array(fc.tuple(fc.integer({ min: 1, max: 64 }), version), { maxLength: 4 })
        .map((requests) => (hasSignals ? [...requests, signalRequest] : requests)),
      fc.array(hasSignals ? fc.oneof(update, signal, emptySignal) : update, { maxLength: 6 }),
      fc.option(fc.tuple(reject, fc.nat(12))),
    ),
  )
  .map(([accept, requests, replies, end]) => {
    const packets = [accept, ...requests.map((of) => encodeRequest(...of)), encodeRequest(0), ...replies];
    if (end) packets.splice(end[1], packets.length, end[0]);
    return concatBytes(packets);
  });

const telling = fc.oneof(byte, fc.constantFrom(0, 1, 4, 255, ...Buffer.from("LEKTHARSC")));

/** The stream, damaged in a few places: bytes overwritten, left out, put in, the end cut off. */
export function damaged(stream: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const damage = fc.record({ at: fc.nat(), remove: fc.nat(2), insert: fc.array(telling, { maxLength: 2 }) });
  return fc.tuple(stream, fc.array(damage, { maxLength: 3 }), fc.nat(200)).map(([bytes, damages, cut]) => {
    const list = [...bytes];
    for (const { at, remove, insert } of damages) list.splice(at % (list.length + 1), remove, ...insert);
    if (cut < list.length && cut % 3 === 0) list.length = cut;
    return Uint8Array.from(list);
  });
}

const fragment = fc.oneof(
  fc.constantFrom(
    "LEKT",
    "LEKTH\x01\0\0",
    "LEKTA\x01\0\0",
    "LEKTT\x01\0\0",
    "LEKTR\x01\0\0",
    "LEKTS\x01\0\0",
    "\0\0\0\0",
    "\0\0\0\x04",
  ),
  fc.string({ unit: fc.constantFrom("\0", "\x01", "\x04", "\xff", "A", "H", "R", "T"), maxLength: 8 }),
);

/** Random bytes in which the beginnings of packets are frequent. */
export const noise = fc
  .array(fragment, { maxLength: 12 })
  .map((fragments) => Uint8Array.from(Buffer.from(fragments.join(""), "latin1")));
