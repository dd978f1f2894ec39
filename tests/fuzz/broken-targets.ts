import {
  allowedTargets,
  type ClientObject,
  type ClientPacket,
  ClientPacketDecoder,
  ClientSession,
  decodePreamble,
  decodeUtf8,
  type Edition,
  encodeUtf8,
  equalBytes,
  FrameDecoder,
  identityText,
  LektError,
  parseLektUrl,
  type RejectWord,
  Roster,
  type RosterOptions,
  RosterView,
  ServerPacketDecoder,
  ServerSession,
  safeText,
  serviceObstacle,
} from "@lekt/protocol";
import type { FuzzTarget } from "../../fuzz/engine/fuzz-target.ts";
import { circuitTokenTarget } from "../../fuzz/targets/circuit-token.ts";
import { clientDecoderTarget } from "../../fuzz/targets/client-decoder.ts";
import { clientSessionTarget } from "../../fuzz/targets/client-session.ts";
import { decodeTarget, LEKT_DECODE } from "../../fuzz/targets/decode.ts";
import { fileMessagesTarget } from "../../fuzz/targets/file-messages.ts";
import { fileNamesTarget } from "../../fuzz/targets/file-names.ts";
import { framesTarget } from "../../fuzz/targets/frames.ts";
import { identityTextTarget } from "../../fuzz/targets/identity-text.ts";
import { lektUrlTarget } from "../../fuzz/targets/lekt-url.ts";
import { NAT_PMP, natPmpTarget } from "../../fuzz/targets/nat-pmp.ts";
import { PEER_SIGNALS, peerSignalTarget } from "../../fuzz/targets/peer-signal.ts";
import { preambleTarget } from "../../fuzz/targets/preamble.ts";
import { probeTarget } from "../../fuzz/targets/probe.ts";
import { punchPacketsTarget } from "../../fuzz/targets/punch-packets.ts";
import { rosterTarget } from "../../fuzz/targets/roster.ts";
import { rosterViewTarget } from "../../fuzz/targets/roster-view.ts";
import { safeTextTarget } from "../../fuzz/targets/safe-text.ts";
import { serverDecoderTarget } from "../../fuzz/targets/server-decoder.ts";
import { serverSessionTarget } from "../../fuzz/targets/server-session.ts";
import { serviceRulesTarget } from "../../fuzz/targets/service-rules.ts";
import { STUN, stunTarget } from "../../fuzz/targets/stun.ts";
import { targetRulesTarget } from "../../fuzz/targets/target-rules.ts";
import { utf8Target } from "../../fuzz/targets/utf8.ts";
import { HexDumpReader } from "../../packages/cli/src/decode/hex-dump.ts";
import { packetJson } from "../../packages/cli/src/decode/packet-json.ts";
import { parseMessage } from "../../packages/cli/src/files/file-messages.ts";
import { localPath } from "../../packages/cli/src/files/file-names.ts";
import { jsonLine } from "../../packages/cli/src/json-line.ts";
import { decodeProbe } from "../../packages/methods/src/udp/probe.ts";
import { preparePunch } from "../../packages/methods/src/udp/punch-setup.ts";
import { circuitTokenFault } from "../../packages/server/src/relay/circuit-token.ts";

/* What is under test, with one bug each, such as people make. */

/** Drops what a decoder keeps when a piece is a single byte. */
class ForgetfulDecoder extends ClientPacketDecoder {
  #last: ClientPacket | undefined;

  override push(chunk: Uint8Array): void {
    // A heartbeat's time stamp that is cut in its middle loses a byte.
    const isCut = this.#last?.type === "heartbeat" && this.buffered === 12;
    super.push(isCut ? chunk.subarray(1) : chunk);
  }

  override next(): ClientPacket | undefined {
    this.#last = super.next() ?? this.#last;
    return super.next();
  }
}

/** Tells the client what it sent. */
class TalkativeSession extends ServerSession {
  #received = "";

  override receive(bytes: Uint8Array, nowMs: number, latenessMs?: number): void {
    this.#received = decodeUtf8(bytes) ?? "";
    super.receive(bytes, nowMs, latenessMs);
  }

  override reject(word: RejectWord, text: string, nowMs: number): void {
    super.reject(word, word === "malformed" ? `${text}: ${this.#received}` : text, nowMs);
  }
}

/** Rejects twice. */
class StubbornSession extends ServerSession {
  override onDeadline(nowMs: number): void {
    if (this.phase === "admission") this.phase = "setup";
    super.onDeadline(nowMs);
    if (this.phase === "rejected") this.deadlineMs = Number.NaN;
  }
}

/** Takes two equal clients for one. */
class SetView extends RosterView {
  override added(object: ClientObject): void {
    const [payload] = object.methods.map((method) => method.payload);
    const isThere = [...this.entries()].some(({ object: known }) => {
      const [same] = known.methods.map((method) => method.payload);
      return (
        known.ip === object.ip && payload !== undefined && same !== undefined && equalBytes(same, payload)
      );
    });
    if (!isThere) super.added(object);
  }
}

/** Wants to be woken at once, again and again, when time jumps. */
class HastyClient extends ClientSession {
  #hastyMs = Number.POSITIVE_INFINITY;

  override get deadlineMs(): number {
    return Math.min(super.deadlineMs, this.#hastyMs);
  }

  override onDeadline(nowMs: number): void {
    super.onDeadline(nowMs);
    if (nowMs > 100_000) this.#hastyMs = nowMs;
  }
}

/** Lets a client resume from any place of its history. */
class TrustingRoster extends Roster {
  override enter(withSessions: boolean): Edition {
    const edition = super.enter(withSessions);
    edition.positionOf = (token) => {
      if (token.length !== 24) return undefined;
      const position = new DataView(token.buffer, token.byteOffset).getUint32(20);
      return position <= edition.log.end && position >= edition.log.start ? position : undefined;
    };
    return edition;
  }
}

/** Forgets leaves that come within the tick of an arrival. */
class ForgetfulRoster extends Roster {
  #busyMs = -1;

  override add(member: Parameters<Roster["add"]>[0]): void {
    super.add(member);
    this.#busyMs = this.nextTickMs;
  }

  override remove(member: Parameters<Roster["remove"]>[0], nowMs: number): void {
    if (member.announced && this.#busyMs > nowMs) member.announced = false;
    super.remove(member, nowMs);
  }
}

/** Takes white space between two pieces for none. */
class TrimmingReader extends HexDumpReader {
  override *read(text: string): Generator<Uint8Array> {
    yield* super.read(text.trimStart());
  }
}

/** Takes what follows an end for more of the stream. */
class EndlessDecoder extends FrameDecoder {
  override decode(bytes: Uint8Array, take: (part: Uint8Array) => void): string | undefined {
    const fault = super.decode(bytes, take);
    return fault === "a frame follows the end" ? undefined : fault;
  }
}

const never = (error: unknown): never => {
  throw error;
};

/** Each with so many executions at the most until its bug is found. */
export const BROKEN: readonly {
  readonly bug: string;
  readonly within: number;
  readonly target: FuzzTarget;
}[] = [
  {
    bug: "a decoder that forgets to check lengths",
    within: 2_000,
    target: clientDecoderTarget(
      "broken-length",
      () => new ClientPacketDecoder({ judge: { admitResponse: () => {} } }),
    ),
  },
  {
    bug: "a decoder that forgets the limit of known methods",
    within: 2_000,
    target: clientDecoderTarget("broken-known", () => new ClientPacketDecoder({ maxKnownMethods: 2 ** 32 })),
  },
  {
    bug: "a decoder that loses a byte at one split",
    within: 3_000,
    target: clientDecoderTarget("broken-split", () => new ForgetfulDecoder()),
  },
  {
    bug: "a decoder whose objects may be larger by one byte",
    within: 20_000,
    target: serverDecoderTarget("broken-size", () => new ServerPacketDecoder({ maxObjectBytes: 65_537 })),
  },
  {
    bug: "a server that repeats what the client sent",
    within: 2_000,
    target: serverSessionTarget("broken-text", (...of) => new TalkativeSession(...of)),
  },
  {
    bug: "a server whose deadline is no number",
    within: 2_000,
    target: serverSessionTarget("broken-deadline", (...of) => new StubbornSession(...of)),
  },
  {
    bug: "a client whose deadline stands still",
    within: 2_000,
    target: clientSessionTarget("broken-client", (...of) => new HastyClient(...of)),
  },
  {
    bug: "a view that takes twins for one",
    within: 2_000,
    target: rosterViewTarget("broken-view", () => new SetView({ maxPeers: 12, staleGraceMs: 1_000 })),
  },
  {
    bug: "a roster that takes forged tokens",
    within: 3_000,
    target: rosterTarget("broken-token", (options: RosterOptions) => new TrustingRoster(options)),
  },
  {
    bug: "a roster that forgets a leave",
    within: 3_000,
    target: rosterTarget("broken-roster", (options: RosterOptions) => new ForgetfulRoster(options)),
  },
  {
    bug: "a URL parser that tells the fragment",
    within: 2_000,
    target: lektUrlTarget("broken-url", (text) => {
      try {
        return parseLektUrl(text);
      } catch {
        return never(new LektError("LEKT_URL", `"${safeText(text)}" is no LEKT URL`));
      }
    }),
  },
  {
    bug: "a text that hides bidirectional characters only",
    within: 2_000,
    target: safeTextTarget("broken-text-filter", (text) => text.replace(/[\p{Cc}\p{Bidi_C}]/gu, "?")),
  },
  {
    bug: "UTF-8 with surrogates",
    within: 2_000,
    target: utf8Target("broken-utf8", (bytes) => decodeUtf8(bytes) ?? (bytes[0] === 0xed ? "?" : undefined)),
  },
  {
    bug: "a decode that shows tokens",
    within: 2_000,
    target: decodeTarget("broken-hiding", {
      ...LEKT_DECODE,
      show: (packet) => [LEKT_DECODE.show(packet)[0], jsonLine(packetJson(packet, true))],
    }),
  },
  {
    bug: "a reader of dumps that trims pieces",
    within: 3_000,
    target: decodeTarget("broken-dump", { ...LEKT_DECODE, HexDumpReader: TrimmingReader }),
  },
  {
    bug: "preambles in which the accepting side has a label",
    within: 2_000,
    target: preambleTarget("broken-preamble", (bytes, from) => {
      const decoded = decodePreamble(bytes, from);
      return decoded === "the accepting side has a label" ? decodePreamble(bytes, "dialing") : decoded;
    }),
  },
  {
    bug: "frames behind the end",
    within: 2_000,
    target: framesTarget("broken-frames", () => new EndlessDecoder()),
  },
  {
    bug: "an identity's text that leaves its last bits out",
    within: 2_000,
    target: identityTextTarget("broken-identity", (identity) => `${identityText(identity).slice(0, -1)}0`),
  },
  {
    bug: "a description with a round too many",
    within: 5_000,
    target: peerSignalTarget("broken-signal", {
      ...PEER_SIGNALS,
      readDescription: (signal) => {
        const { round } = signal;
        const description = PEER_SIGNALS.readDescription({ ...signal, round: round === 3 ? 2 : round });
        return description && round === 3 ? { ...description, round } : description;
      },
    }),
  },
  {
    bug: "targets behind another public address",
    within: 2_000,
    target: targetRulesTarget("broken-private", (question) =>
      allowedTargets({ ...question, ownPublicAddress: question.peerAddress }),
    ),
  },
  {
    bug: "targets of which there are more than eight",
    within: 5_000,
    target: targetRulesTarget("broken-count", (question) => {
      const [first, second] = [question.candidates.slice(0, 8), question.candidates.slice(8)];
      const halves = [first, second].map((candidates) => allowedTargets({ ...question, candidates }));
      return {
        allowed: halves.flatMap((half) => half.allowed),
        refused: halves.flatMap((half) => half.refused),
      };
    }),
  },
  {
    bug: "a peer's relay in the own network",
    within: 2_000,
    target: serviceRulesTarget("broken-service", (question) =>
      serviceObstacle({ ...question, namedBy: "server" }),
    ),
  },
  {
    bug: "STUN that answers no error",
    within: 2_000,
    target: stunTarget("broken-stun", {
      ...STUN,
      answerBindingRequest: (bytes, from) => {
        const answer = STUN.answerBindingRequest(bytes, from);
        return answer?.[1] === 0x11 ? undefined : answer;
      },
    }),
  },
  {
    bug: "probes of an unknown role",
    within: 3_000,
    target: probeTarget("broken-probe", (bytes, secret) => {
      const probe = decodeProbe(bytes, secret);
      return probe && { ...probe, role: (bytes[6] ?? 0) > 1 ? "dialing" : probe.role };
    }),
  },
  {
    bug: "answers to every address from which probes come",
    within: 2_000,
    target: punchPacketsTarget("broken-answers", (network, setup) => {
      const prepared = preparePunch(network, setup);
      return { ...prepared, options: { ...prepared.options, answersTo: () => 5 } };
    }),
  },
  {
    bug: "circuits that end a second early",
    within: 2_000,
    target: circuitTokenTarget("broken-token-time", (key, token, now) =>
      circuitTokenFault(key, token, now + 1),
    ),
  },
  {
    bug: "routers whose refusal counts as silence",
    within: 2_000,
    target: natPmpTarget("broken-nat-pmp", {
      ...NAT_PMP,
      decodeOuterAddressResponse: (bytes) =>
        bytes[3] === 0 ? NAT_PMP.decodeOuterAddressResponse(bytes) : undefined,
    }),
  },
  {
    bug: "numbers of bytes below zero",
    within: 5_000,
    target: fileMessagesTarget("broken-count-of-bytes", (bytes) =>
      parseMessage(encodeUtf8((decodeUtf8(bytes) ?? "").replaceAll(":-", ":"))),
    ),
  },
  {
    bug: "a path whose last name is taken as it is",
    within: 3_000,
    target: fileNamesTarget("broken-path", (path) => {
      const names = localPath(["a", ...path.slice(0, -1)]);
      return names && [...names.slice(1), path.at(-1) ?? ""];
    }),
  },
  {
    bug: "names that a part could have, in another case",
    within: 5_000,
    target: fileNamesTarget("broken-part", (path) => {
      const kelvin = path.map((name) => name.replaceAll("\u212a", "_kelvin_"));
      return localPath(kelvin)?.map((name) => name.replaceAll("_kelvin_", "\u212a"));
    }),
  },
];
