import {
  answerBindingRequest,
  CIRCUIT_TOKEN_BYTES,
  concatBytes,
  encodeAccept,
  encodeBindingRequest,
  encodeReject,
  encodeSignal,
  encodeUtf8,
  SERVER_IDENTITY,
  toHex,
} from "@lekt/protocol";
import { isEnd, type Mutation, NOTHING, TYPE_C } from "./flawed-line.ts";
import type { ServerFlaw } from "./server-flaw.ts";
import { breaksOffAt, onPacket } from "./server-mutations.ts";

const TYPE_R = 0x52;
const CIRCUIT_BYTES = 8 + CIRCUIT_TOKEN_BYTES;

/** Circuits go through the flawed line, too: the relay that the server names is the line itself. */
export const RELAYS_ITSELF: Mutation = onPacket(({ head }, { client }) => {
  if (head.type !== "signal" || toHex(head.identity) !== toHex(SERVER_IDENTITY)) return undefined;
  if (head.payload.length === 0) return undefined;
  const answer = {
    ...JSON.parse(new TextDecoder().decode(head.payload)),
    relay: `127.0.0.1:${client.localPort}`,
  };
  return encodeSignal(SERVER_IDENTITY, encodeUtf8(JSON.stringify(answer)));
});

/** Servers whose signals, circuits or STUN are wrong. */
export const SERVICE_FLAWS: Readonly<Record<string, ServerFlaw>> = {
  "loses signals": {
    fails: [
      "signal",
      "signal-everybody",
      "signal-back",
      "signal-deaf",
      "signal-watching",
      "signal-update",
      "signal-server",
    ],
    mutation: onPacket(({ head }) => (head.type === "signal" ? NOTHING : undefined)),
  },
  "keeps signals for the end of a reply": {
    fails: ["signal-hold"],
    mutation: onPacket((packet, wire) => {
      if (packet.head.type === "signal") wire.kept = concatBytes([wire.kept, packet.bytes]);
      if (packet.head.type === "signal") return NOTHING;
      if (!isEnd(packet)) return undefined;
      const both = concatBytes([packet.bytes, wire.kept]);
      wire.kept = NOTHING;
      return both;
    }),
  },
  "takes as many signals as come": { fails: ["signal-rate"], options: { signalsPerSecond: 0 } },
  "lets anybody into a circuit": {
    fails: ["circuit-forged", "circuit-altered", "circuit-third"],
    mutation: {
      ...RELAYS_ITSELF,
      serverBytes: (chunk, { firstBytes }) =>
        firstBytes[4] === TYPE_C && chunk[4] === TYPE_R ? encodeAccept() : chunk,
    },
  },
  "forgets what came before the other end": {
    fails: ["circuit-pair"],
    mutation: {
      ...RELAYS_ITSELF,
      clientBytes: (chunk, wire) =>
        chunk[4] === TYPE_C && wire.firstBytes === chunk ? chunk.subarray(0, CIRCUIT_BYTES) : chunk,
    },
  },
  "does not end circuits": {
    fails: ["circuit-half-close", "circuit-break"],
    mutation: { ...RELAYS_ITSELF, keepsOpen: "client" },
  },
  "waits for who is gone": {
    fails: ["circuit-gone"],
    mutation: { ...RELAYS_ITSELF, keepsOpen: "server" },
  },
  "has no time for who is alone": {
    fails: ["circuit-lonely"],
    mutation: {
      ...RELAYS_ITSELF,
      clientBytes: (chunk, { client }) => {
        if (chunk[4] !== TYPE_C) return chunk;
        client.end(encodeReject("timeout", "nobody is there"));
        return NOTHING;
      },
    },
  },
  "tells its port alone": {
    fails: ["stun"],
    stun: (good) => good?.map((byte, i) => (i < good.length - 4 ? byte : 0)),
  },
  "says more about addresses than it is asked": {
    fails: ["stun-ignored", "stun-unknown"],
    stun: (_, request, from) =>
      answerBindingRequest(
        encodeBindingRequest(Buffer.concat([request, Buffer.alloc(20)]).subarray(8, 20)),
        from,
      ),
  },
  "hangs up at a circuit that comes late": {
    fails: ["circuit-late"],
    mutation: breaksOffAt((chunk, wire) => wire.count++ > 0 && chunk[4] === TYPE_C),
  },
};
