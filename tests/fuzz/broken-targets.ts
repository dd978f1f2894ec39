import {
  type ClientObject,
  type ClientPacket,
  ClientPacketDecoder,
  ClientSession,
  decodeUtf8,
  type Edition,
  equalBytes,
  LektError,
  parseLektUrl,
  type RejectWord,
  Roster,
  type RosterOptions,
  RosterView,
  ServerPacketDecoder,
  ServerSession,
  safeText,
} from "@lekt/protocol";
import type { FuzzTarget } from "../../fuzz/engine/fuzz-target.ts";
import { clientDecoderTarget } from "../../fuzz/targets/client-decoder.ts";
import { clientSessionTarget } from "../../fuzz/targets/client-session.ts";
import { decodeTarget, LEKT_DECODE } from "../../fuzz/targets/decode.ts";
import { lektUrlTarget } from "../../fuzz/targets/lekt-url.ts";
import { rosterTarget } from "../../fuzz/targets/roster.ts";
import { rosterViewTarget } from "../../fuzz/targets/roster-view.ts";
import { safeTextTarget } from "../../fuzz/targets/safe-text.ts";
import { serverDecoderTarget } from "../../fuzz/targets/server-decoder.ts";
import { serverSessionTarget } from "../../fuzz/targets/server-session.ts";
import { utf8Target } from "../../fuzz/targets/utf8.ts";
import { HexDumpReader } from "../../packages/cli/src/decode/hex-dump.ts";
import { packetJson } from "../../packages/cli/src/decode/packet-json.ts";
import { jsonLine } from "../../packages/cli/src/json-line.ts";

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
];
