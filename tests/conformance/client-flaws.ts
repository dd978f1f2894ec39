import { connect } from "node:net";
import {
  concatBytes,
  encodeEndOfReply,
  encodeHandshake,
  encodeHeartbeat,
  encodeReject,
  encodeResponse,
  encodeSignal,
  METHOD,
  SERVER_IDENTITY,
} from "@lekt/protocol";
import type { Flaw } from "./flawed-client.ts";
import { isEnd, type Mutation, NOTHING, objectsOf, type Wire } from "./flawed-line.ts";
import type { ServerBytes } from "./packet-streams.ts";

/** A client that is wrong in one way, and the checks that must see it. */
export interface ClientFlaw extends Flaw {
  readonly fails: readonly string[];
}

function onServer(change: (packet: ServerBytes, wire: Wire) => Uint8Array | undefined): Mutation {
  return { serverPacket: (packet, wire) => change(packet, wire) ?? packet.bytes };
}

/** Changes the payload that the client answers with. */
function answers(method: number, change: (payload: Uint8Array) => Uint8Array): Mutation {
  return {
    clientPacket: (packet, bytes) =>
      packet.type === "response" && packet.method === method
        ? encodeResponse(method, change(packet.payload))
        : bytes,
  };
}

/** Says something to the server at a packet that came from it. */
function speaksAt(holds: (packet: ServerBytes, wire: Wire) => boolean, says: Uint8Array): Mutation {
  return onServer((packet, wire) => {
    if (holds(packet, wire)) wire.server.write(says);
    return undefined;
  });
}

/** Ends the connection at a packet that it should take. */
function endsAt(holds: (packet: ServerBytes, wire: Wire) => boolean): Mutation {
  return onServer((packet, wire) => {
    if (!holds(packet, wire)) return undefined;
    wire.server.destroy();
    return NOTHING;
  });
}

const isSignal = ({ head }: ServerBytes) => head.type === "signal";
const isOfferOfAStranger = ({ head }: ServerBytes) =>
  head.type === "signal" && head.identity[0] === 0x99 && Buffer.from(head.payload).includes('"offer"');
const isZeroRequest = ({ head }: ServerBytes) => head.type === "request" && head.method === 0;

/** By what is wrong with it. */
export const CLIENT_FLAWS: Readonly<Record<string, ClientFlaw>> = {
  "speaks another version": {
    fails: ["handshake"],
    mutation: {
      clientPacket: (packet, bytes) =>
        packet.type === "handshake"
          ? encodeHandshake(packet.known, packet.methods, { major: 2, minor: 0, extra: 0 })
          : bytes,
    },
  },
  "sends the path as it is": {
    fails: ["network"],
    mutation: answers(METHOD.network, () => new TextEncoder().encode("caf%C3%A9%2F1")),
  },
  "answers before it is asked": {
    fails: ["nothing-unasked"],
    mutation: speaksAt(
      ({ head }) => head.type === "accept",
      encodeResponse(METHOD.network, Uint8Array.of(0x61)),
    ),
  },
  "answers in another order": {
    fails: ["answers"],
    mutation: {
      clientPacket: (packet, bytes, wire) => {
        if (packet.type !== "response" || wire.count++ > 1) return bytes;
        const both = wire.count === 2 ? concatBytes([bytes, wire.kept]) : NOTHING;
        wire.kept = bytes;
        return both;
      },
    },
  },
  "wants to be asked": {
    fails: ["answers-none", "packets-joined"],
    mutation: {
      ...endsAt((packet, wire) => isZeroRequest(packet) && wire.count === 0),
      clientPacket: (packet, bytes, wire) => {
        if (packet.type === "response") wire.count++;
        return bytes;
      },
    },
  },
  "tells a name with a line feed": {
    fails: ["payloads"],
    mutation: answers(METHOD.name, () => Uint8Array.of(10)),
  },
  "does not wait for the zero request": {
    fails: ["no-early-heartbeat"],
    mutation: {
      clientPacket: (packet, bytes) =>
        packet.type === "response" ? concatBytes([bytes, encodeHeartbeat(0n)]) : bytes,
    },
  },
  "answers the zero request": {
    fails: ["zero-unanswered"],
    mutation: speaksAt(isZeroRequest, encodeResponse(0, NOTHING)),
  },
  "never closes": {
    fails: [
      "unset-request",
      "accept-major",
      "not-lekt",
      "setup-type",
      "update-magic",
      "update-type",
      "update-kind",
      "object-short",
      "object-overrun",
      "object-rest",
      "object-order",
      "object-huge",
      "reject-long",
      "accept-then-end",
      "silent-server",
      "signal-long",
      "signal-early",
      "signal-unasked",
    ],
    mutation: { keepsOpen: "server" },
  },
  "wants the same minor version": {
    fails: ["accept-minor"],
    mutation: endsAt(({ head }) => head.type === "accept" && head.version.minor !== 0),
  },
  "looks at later versions": {
    fails: ["version-ignored"],
    mutation: endsAt(({ head }) => head.type === "request" && head.version.major !== 1),
  },
  "needs whole packets": {
    fails: ["byte-by-byte"],
    mutation: {
      serverBytes: (chunk, { server }) => {
        if (chunk.length < 8) server.destroy();
        return chunk;
      },
    },
  },
  "knows no time": {
    fails: ["timestamp"],
    mutation: {
      clientPacket: (packet, bytes) => (packet.type === "heartbeat" ? encodeHeartbeat(0n) : bytes),
    },
  },
  "is impatient": {
    fails: ["one-outstanding"],
    mutation: {
      clientPacket: (packet, bytes, { server }) => {
        if (packet.type === "heartbeat") setTimeout(() => server.write(encodeHeartbeat(0n)), 100);
        return bytes;
      },
    },
  },
  "asks again at once": {
    fails: ["interval", "hold-not-honoured"],
    mutation: speaksAt(isEnd, encodeHeartbeat(0n)),
  },
  "asks a hundred times": {
    fails: ["heartbeat-rate"],
    mutation: speaksAt(
      (packet, wire) => isEnd(packet) && wire.count++ === 0,
      concatBytes(Array.from({ length: 100 }, () => encodeHeartbeat(0n))),
    ),
  },
  "asks once": {
    fails: ["hold-at-once", "plain-server"],
    mutation: {
      clientPacket: (packet, bytes, wire) =>
        packet.type === "heartbeat" && wire.count++ > 0 ? NOTHING : bytes,
    },
  },
  "leaves at news": {
    fails: [
      "methods-unknown",
      "payload-unreadable",
      "words-unknown",
      "removed-nobody",
      "pseudo-address",
      "timestamps",
      "packet-long",
      "object-large",
      "session-word",
      "new-connection",
    ],
    mutation: endsAt((packet, wire) => {
      if (isEnd(packet)) wire.count++;
      const isNews = packet.head.type === "removed" || objectsOf(packet) !== undefined;
      return isNews && (wire.count > 0 || wire.nth > 0);
    }),
  },
  "hides somebody": {
    fails: ["roster-first"],
    prints: (printed) => ({ ...printed, ...(printed.names && { names: printed.names.slice(1) }) }),
  },
  "reports what is between": {
    fails: ["roster-shared", "roster-at-end"],
    mutation: onServer((packet) =>
      packet.head.type === "removed" || (objectsOf(packet)?.[0]?.ip ?? 0) > 0
        ? concatBytes([packet.bytes, encodeEndOfReply(0n)])
        : undefined,
    ),
  },
  "does not see who leaves": {
    fails: ["roster-removed"],
    prints: (printed) => (printed.event === "left" ? undefined : printed),
  },
  "forgets its roster": {
    fails: ["roster-resumed"],
    mutation: onServer((packet, wire) => {
      const isToken = objectsOf(packet)?.[0]?.methods[0]?.index === METHOD.resume;
      return isToken && wire.nth > 0 && wire.count++ === 0 ? NOTHING : undefined;
    }),
  },
  "does not take no for an answer": {
    fails: [
      "gives-up-auth",
      "gives-up-malformed",
      "gives-up-kicked",
      "gives-up-replaced",
      "gives-up-version",
      "reject-version",
      "reject-unknown",
      "reject-later",
      "moved-nowhere",
    ],
    mutation: onServer(({ head }) => (head.type === "reject" ? encodeReject("limit", "full") : undefined)),
  },
  "gives up at once": {
    fails: ["tries-again", "moved"],
    mutation: onServer(({ head }) => (head.type === "reject" ? encodeReject("auth", "no") : undefined)),
  },
  "does not wait": {
    fails: ["backoff", "moved-often"],
    mutation: onServer(({ head }, { server }) => {
      if (head.type !== "reject") return undefined;
      const { remotePort: port = 0 } = server;
      for (let i = 0; i < 40; i++) {
        const again = connect(port, "127.0.0.1", () => again.write(encodeHandshake(1, [1])));
        again.on("error", () => {}).resume();
      }
      return undefined;
    }),
  },
  "knows no signals": {
    fails: ["signal-anytime", "signal-payload", "signal-returned"],
    mutation: endsAt(isSignal),
  },
  "takes a signal for the end of a reply": {
    fails: ["signal-no-reply"],
    mutation: speaksAt(isSignal, encodeHeartbeat(0n)),
  },
  "signals though nobody asked": {
    fails: ["signal-unsaid"],
    mutation: speaksAt(isEnd, encodeSignal(SERVER_IDENTITY, Uint8Array.of(1))),
  },
  "answers whom it does not know": {
    fails: ["signal-stranger"],
    mutation: speaksAt(isOfferOfAStranger, encodeSignal(new Uint8Array(32).fill(0x99), Uint8Array.of(1))),
  },
  "says everything twenty times": {
    fails: ["signal-rate"],
    mutation: {
      clientPacket: (packet, bytes) =>
        packet.type === "signal" ? concatBytes(Array.from({ length: 20 }, () => bytes)) : bytes,
    },
  },
  "takes a token too early": {
    fails: ["resume-token"],
    mutation: answers(METHOD.resume, (payload) => (payload.length > 0 ? Uint8Array.of(1) : payload)),
  },
};
