import {
  concatBytes,
  encodeAccept,
  encodeEndOfReply,
  encodeHandshake,
  encodeHeartbeat,
  encodeReject,
  encodeRequest,
  METHOD,
  type RejectWord,
} from "@lekt/protocol";
import { addedPacket, isEnd, NOTHING, objectsOf } from "./flawed-line.ts";
import type { ServerFlaw } from "./server-flaw.ts";
import {
  answers,
  bitfield,
  breaksOffAt,
  bytes,
  FORGETS_DIFFERENCE,
  isWord,
  LATER_REPLIES,
  objects,
  onPacket,
  reject,
  rejects,
  reversed,
  withoutWords,
} from "./server-mutations.ts";
import { SERVICE_FLAWS } from "./service-flaws.ts";

const SHORT_SETUP_MS = 500;
const SHORT_HEARTBEAT_MS = 200;

/** By what is wrong with it. */
export const SERVER_FLAWS: Readonly<Record<string, ServerFlaw>> = {
  "accepts with another major": {
    fails: ["accept"],
    mutation: onPacket(({ head }) =>
      head.type === "accept" ? encodeAccept({ major: 2, minor: 0, extra: 0 }) : undefined,
    ),
  },
  "echoes the client's version": {
    fails: ["version-minor"],
    mutation: onPacket(({ head }, { firstBytes }) => {
      const [major = 0, minor = 0, extra = 0] = firstBytes.subarray(5, 8);
      return head.type === "accept" ? encodeAccept({ major, minor, extra }) : undefined;
    }),
  },
  "names no version": {
    fails: ["version-major"],
    mutation: rejects((message) => reject(message.startsWith("version") ? "version: another one" : message)),
  },
  "waits for n before it judges the header": {
    fails: ["version-judged-early", "magic-early", "type-before-version"],
    mutation: { clientBytes: (chunk, wire) => (wire.firstBytes.length < 12 ? NOTHING : chunk) },
  },
  "does not look at the magic": {
    fails: ["magic"],
    mutation: {
      clientBytes: (chunk, wire) =>
        wire.count++ === 0 ? concatBytes([bytes(0x4c, 0x45, 0x4b, 0x54), chunk.subarray(4)]) : chunk,
    },
  },
  "serves HTTP on the same port": {
    fails: ["reserved-first-bytes"],
    mutation: {
      clientBytes: (chunk, { client }) => {
        if (chunk[0] !== 0x47) return chunk;
        client.end("HTTP/1.1 200 OK\r\n\r\n");
        return NOTHING;
      },
    },
  },
  "takes any first packet for a Handshake": {
    fails: ["first-packet"],
    mutation: {
      clientBytes: (chunk, wire) => {
        if (wire.count++ > 0) return chunk;
        return Uint8Array.from(chunk, (byte, i) =>
          i === 4 && (byte === 0x54 || byte === 0x41) ? 0x48 : byte,
        );
      },
    },
  },
  "counts bits from the other end": {
    fails: ["bit-order"],
    mutation: bitfield((_, words) => words.map(reversed)),
  },
  "reads the words backwards": {
    fails: ["word-order"],
    mutation: bitfield((_, words) => words.reverse()),
  },
  "ignores bits past n": {
    fails: ["bits-past-n"],
    mutation: bitfield((known, words) =>
      words.map((word, i) => (known - 32 * i < 32 ? word & (2 ** (known - 32 * i) - 1) : word)),
    ),
  },
  "refuses n = 0": {
    fails: ["no-methods"],
    mutation: breaksOffAt((chunk) => chunk.length === 12 && chunk[4] === 0x48 && chunk[11] === 0),
  },
  "knows few methods": { fails: ["known-methods-1024"], options: { maxKnownMethods: 64 } },
  "needs whole packets": {
    fails: ["byte-by-byte"],
    mutation: breaksOffAt((chunk) => chunk.length === 1),
  },
  "reads one packet of a segment": {
    fails: ["packets-joined"],
    mutation: {
      clientBytes: (chunk) => (chunk.length === 48 && chunk[4] === 0x48 ? chunk.subarray(0, 16) : chunk),
    },
  },
  "asks twice": {
    fails: ["requests"],
    mutation: onPacket(({ head, bytes: packet }) =>
      head.type === "request" && head.method > 0 ? concatBytes([packet, packet]) : undefined,
    ),
  },
  "asks for reserved methods": {
    fails: ["requests-never"],
    mutation: onPacket(({ head, bytes: packet }, { methods }) =>
      head.type === "accept" && methods.includes(30) ? concatBytes([packet, encodeRequest(30)]) : undefined,
    ),
  },
  "ends the setup too early": {
    fails: ["zero-request-last"],
    mutation: onPacket(({ head, bytes: packet }) =>
      head.type === "request" && head.method > 0 ? concatBytes([packet, encodeRequest(0)]) : undefined,
    ),
  },
  "speaks unasked": {
    fails: ["nothing-unasked"],
    mutation: onPacket(({ head, bytes: packet }) =>
      head.type === "request" && head.method === 0 ? concatBytes([packet, encodeEndOfReply(0n)]) : undefined,
    ),
  },
  "says `internal` for everything": {
    fails: [
      "early-heartbeat",
      "setup-type",
      "wrong-index",
      "answer-too-many",
      "length-limit",
      "payload-limit",
      "published-limit",
      "known-methods-limit",
      "heartbeat-type",
      "stray-answer-limit",
      "heartbeat-rate",
      "update-unset",
      "update-unpublished",
      "update-malformed",
      "update-limit",
      "update-rate",
      "signal-unset",
      "signal-length",
    ],
    mutation: rejects(() => encodeReject("internal", "something")),
  },
  "does not say that it is a timeout": {
    fails: ["setup-deadline", "silence"],
    options: { setupTimeoutMs: SHORT_SETUP_MS, heartbeatIntervalMs: SHORT_HEARTBEAT_MS },
    mutation: rejects(() => encodeReject("internal", "something")),
  },
  "takes every payload": {
    fails: [
      "payload-tcp",
      "payload-udp",
      "payload-relay",
      "payload-webrtc",
      "payload-network",
      "payload-identity",
      "payload-name",
      "payload-data",
      "payload-hold",
      "payload-server",
      "payload-resume",
      "payload-watch",
      "payload-update",
      "payload-session",
      "payload-signal",
    ],
    mutation: rejects((message) =>
      message.startsWith("malformed: the payload") ? encodeRequest(0) : reject(message),
    ),
  },
  "reads what is to be passed on unread": {
    fails: ["payload-unread"],
    mutation: {
      clientPacket: (packet, packetBytes, { client }) => {
        if (packet.type === "response" && packet.method === 16) client.destroy();
        return packetBytes;
      },
    },
  },
  "does not say what is malformed": {
    fails: ["malformed-message"],
    mutation: rejects((message) => reject(message.startsWith("malformed") ? "malformed: no" : message)),
  },
  "forgets the newest": {
    fails: ["first-reply"],
    mutation: objects((object) =>
      object.methods.some(({ payload }) => payload[1] === 0xa2) ? undefined : object,
    ),
  },
  "says more than it has to say": {
    fails: ["empty-reply"],
    mutation: onPacket((packet) =>
      isEnd(packet)
        ? concatBytes([Buffer.concat([packet.bytes.subarray(0, 16), bytes(0x52, 0, 0, 0)]), packet.bytes])
        : undefined,
    ),
  },
  "ends replies twice": {
    fails: ["one-reply-each"],
    mutation: onPacket((packet) => (isEnd(packet) ? concatBytes([packet.bytes, packet.bytes]) : undefined)),
  },
  "tells no news": { fails: ["news-join", "hold-news"], mutation: LATER_REPLIES },
  "believes in time stamps": {
    fails: ["timestamp-any"],
    mutation: breaksOffAt(
      (chunk) => chunk.length === 16 && chunk[4] === 0x48 && ((chunk[8] as number) & 0x80) > 0,
    ),
  },
  "counts in milliseconds": {
    fails: ["timestamp-own"],
    mutation: onPacket((packet) => (isEnd(packet) ? encodeEndOfReply(BigInt(Date.now())) : undefined)),
  },
  "looks at later versions": {
    fails: ["version-later"],
    mutation: breaksOffAt((chunk, wire) => wire.firstBytes !== chunk && chunk[5] === 9),
  },
  "takes a stray answer for a Heartbeat": {
    fails: ["stray-answer"],
    mutation: {
      clientPacket: (packet, packetBytes) =>
        packet.type === "response" && packet.method === 0 ? encodeHeartbeat(0n) : packetBytes,
    },
  },
  "has enough of Heartbeats soon": {
    fails: ["heartbeat-burst"],
    mutation: onPacket((packet, wire) => {
      if (isEnd(packet) && ++wire.count > 20) wire.client.destroy();
      return undefined;
    }),
  },
  "never removes": {
    fails: ["leave", "leave-reset", "shared-address", "twins", "last-at-address", "reject-leaves"],
    mutation: onPacket(({ head }) => (head.type === "removed" ? NOTHING : undefined)),
  },
  "never ends its stream": {
    fails: ["leave-closes", "reject-half-close", "reject-closes"],
    mutation: { keepsOpen: "client" },
  },
  "loses methods": {
    fails: ["object"],
    mutation: objects((object) => ({
      ...object,
      methods: object.methods.filter(({ index }) => index !== 40),
    })),
  },
  "publishes what is private": {
    fails: ["private"],
    mutation: objects((object) =>
      isWord(object)
        ? object
        : { ...object, methods: [...object.methods, { index: METHOD.hold, payload: bytes(0, 0, 0, 0) }] },
    ),
  },
  "has one network": {
    fails: ["networks-apart", "signal-networks"],
    mutation: answers(METHOD.network, () => new TextEncoder().encode("everybody")),
  },
  "lists watchers": {
    fails: ["watch"],
    mutation: {
      clientPacket: (packet, packetBytes) =>
        packet.type === "handshake" && packet.known < 64
          ? encodeHandshake(
              packet.known,
              packet.methods.filter((method) => method !== METHOD.watch),
            )
          : packetBytes,
    },
  },
  "never splits a list": {
    fails: ["packet-size"],
    mutation: {
      serverPacket: (packet, wire) => {
        if (objectsOf(packet)) {
          wire.kept = concatBytes([wire.kept, packet.bytes.subarray(20)]);
          wire.count += packet.pieces.length;
          return NOTHING;
        }
        if (!isEnd(packet) || wire.count === 0) return packet.bytes;
        const all = concatBytes([
          packet.bytes.subarray(0, 16),
          bytes(0x41, 0, 0, wire.count),
          wire.kept,
          packet.bytes,
        ]);
        wire.count = 0;
        wire.kept = NOTHING;
        return all;
      },
    },
  },
  "tells wrong addresses": {
    fails: ["ip", "ipv6"],
    mutation: objects((object) => (isWord(object) ? object : { ...object, ip: 0x0a000001 })),
  },
  "holds the first reply": {
    fails: ["hold-first"],
    mutation: onPacket((packet, { methods }) =>
      isEnd(packet) && methods.includes(METHOD.hold) ? NOTHING : undefined,
    ),
  },
  "does not hold": {
    fails: ["hold-kept", "hold-news-rate"],
    options: { heartbeatsPerSecond: 0, tickMs: 1 },
    mutation: answers(METHOD.hold, () => bytes(0, 0, 0, 0)),
  },
  "holds for as long as it likes": {
    fails: ["hold-time", "hold-zero"],
    mutation: answers(METHOD.hold, () => bytes(0, 0, 0xff, 0xff)),
  },
  "ignores further Heartbeats": {
    fails: ["hold-released"],
    mutation: {
      clientPacket: (packet, packetBytes, wire) =>
        packet.type === "heartbeat" && ++wire.count > 2 ? NOTHING : packetBytes,
    },
  },
  "says nothing of itself": {
    fails: ["server-word", "server-word-keys", "server-word-you"],
    mutation: withoutWords(METHOD.server),
  },
  "tells words to everybody": {
    fails: ["words-unasked"],
    mutation: onPacket((packet) =>
      isEnd(packet) ? concatBytes([addedPacket([{ ip: 0, methods: [] }]), packet.bytes]) : undefined,
    ),
  },
  "gives all the same session": {
    fails: ["session", "session-own"],
    mutation: objects((object) => ({
      ...object,
      methods: object.methods.map((method) =>
        method.index === METHOD.session ? { ...method, payload: new Uint8Array(8) } : method,
      ),
    })),
  },
  "does not say which session is gone": {
    fails: ["session-gone", "session-change"],
    mutation: withoutWords(METHOD.session),
  },
  "does not take replaced payloads": {
    fails: ["update"],
    mutation: {
      clientPacket: (packet, packetBytes, wire) => {
        if (packet.type === "heartbeat") wire.count++;
        return packet.type === "response" && wire.count > 0 ? NOTHING : packetBytes;
      },
    },
  },
  "answers replaced payloads": {
    fails: ["update-quiet"],
    mutation: {
      clientPacket: (packet, packetBytes, wire) => {
        if (packet.type === "heartbeat") wire.count++;
        return packet.type === "response" && wire.count > 0
          ? concatBytes([packetBytes, encodeHeartbeat(0n)])
          : packetBytes;
      },
    },
  },
  "tells a change in two replies": {
    fails: ["update-one-change"],
    mutation: onPacket(({ head, bytes: packet }) =>
      head.type === "removed" ? concatBytes([packet, encodeEndOfReply(0n)]) : undefined,
    ),
  },
  "forbids watchers to replace": {
    fails: ["update-watching"],
    mutation: {
      clientPacket: (packet, packetBytes, wire) => {
        if (packet.type === "heartbeat") wire.count++;
        if (packet.type === "response" && wire.count > 0 && wire.methods.includes(METHOD.watch))
          wire.client.destroy();
        return packetBytes;
      },
    },
  },
  "gives no tokens": { fails: ["resume-words"], mutation: withoutWords(METHOD.resume) },
  "believes every token": {
    fails: ["resume-forged", "resume-foreign"],
    mutation: {
      clientPacket: (packet, packetBytes, wire) => {
        if (packet.type === "response" && packet.method === METHOD.resume) wire.kept = packet.payload;
        return packetBytes;
      },
      serverPacket: (packet, wire) => {
        const word = objectsOf(packet)?.[0];
        if (!word || !isWord(word) || wire.count++ > 0) return packet.bytes;
        return addedPacket([{ ip: 0, methods: [{ index: METHOD.resume, payload: wire.kept }] }]);
      },
    },
  },
  "forgets what happened since a token": {
    fails: ["resume", "resume-old"],
    mutation: FORGETS_DIFFERENCE,
  },
  "resumes nothing": {
    fails: ["resume-difference"],
    mutation: answers(METHOD.resume, () => NOTHING),
  },
  ...SERVICE_FLAWS,
  "says why in its own words": {
    fails: ["reject-form"],
    mutation: rejects(() => reject("go away")),
  },
  "repeats what it was told": {
    fails: ["reject-no-echo"],
    mutation: {
      clientPacket: (packet, packetBytes, wire) => {
        if (packet.type === "response") wire.kept = packet.payload;
        return packetBytes;
      },
      serverPacket: ({ head, bytes: packet }, { kept }) =>
        head.type === "reject"
          ? encodeReject(head.word as RejectWord, `not ${new TextDecoder().decode(kept)}`)
          : packet,
    },
  },
  "hangs up at once": {
    fails: ["reject-linger"],
    mutation: onPacket(({ head, bytes: packet }, { client }) => {
      if (head.type !== "reject") return undefined;
      client.write(packet, () => setTimeout(() => client.resetAndDestroy(), 20));
      return NOTHING;
    }),
  },
};
