import {
  concatBytes,
  encodeHandshake,
  encodeResponse,
  encodeUtf8,
  equalBytes,
  METHOD,
  toHex,
} from "@lekt/protocol";
import { HexDumpReader } from "../../packages/cli/src/decode/hex-dump.ts";
import { packetJson } from "../../packages/cli/src/decode/packet-json.ts";
import { type LocatedPacket, PacketReader } from "../../packages/cli/src/decode/packet-reader.ts";
import { packetText } from "../../packages/cli/src/decode/packet-text.ts";
import { GUESS_BYTES, guessStreamKind, type StreamKind } from "../../packages/cli/src/decode/stream-kind.ts";
import { jsonLine } from "../../packages/cli/src/json-line.ts";
import { colorsFor } from "../../packages/cli/src/output.ts";
import { type FuzzInput, inputOf, piecesOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { singleBytes } from "./decoding.ts";
import { textOf, words } from "./text-input.ts";
import { type Direction, packetVectors } from "./vector-seeds.ts";

/** What `lekt decode` is made of, to be replaced by broken parts. */
export interface DecodeCore {
  readonly guess: (head: Uint8Array, known: Partial<StreamKind>) => StreamKind;
  readonly PacketReader: new (kind: StreamKind) => Pick<PacketReader, "read" | "end">;
  readonly HexDumpReader: new () => Pick<HexDumpReader, "read" | "end">;
  /** One packet without private payloads, for people and for programs. */
  readonly show: (packet: LocatedPacket) => readonly [text: string, json: string];
}

export const LEKT_DECODE: DecodeCore = {
  guess: guessStreamKind,
  PacketReader,
  HexDumpReader,
  show: (packet) => [
    packetText(packet, { colors: PLAIN, showPrivate: false }),
    jsonLine(packetJson(packet, false)),
  ],
};

const PLAIN = colorsFor({ isTTY: false }, {});
const DIRECTIONS = [undefined, "client", "server"] as const;
const PHASES = [undefined, "handshake", "setup", "heartbeat"] as const;
/** Stands in tokens, which are never shown. */
const TOKEN = "~^token^~";
/** A dump's `*` may stand for more than anybody wants to see. */
const MAX_DUMPED = 100_000;

/** `calls[0]` is what the flags say of direction and phase, `calls[1]` how the dump is written. */
export function decodeTarget(name: string, core = LEKT_DECODE): FuzzTarget {
  const decode = (pieces: readonly Uint8Array[], known: Partial<StreamKind>) => {
    const located: LocatedPacket[] = [];
    const head = concatBytes(pieces).subarray(0, GUESS_BYTES);
    const reader = new core.PacketReader(core.guess(head, known));
    const fault = faultOf(() => {
      for (const piece of pieces) for (const packet of reader.read(piece)) located.push(packet);
      reader.end();
    });
    return { located, fault };
  };

  const run = (input: FuzzInput, note: Note) => {
    const { bytes } = input;
    const direction = DIRECTIONS[(input.calls[0] ?? 0) % 3];
    const phase = PHASES[((input.calls[0] ?? 0) >> 2) % 4];
    const known = { ...(direction && { direction }), ...(phase && { phase }) };
    const decoded = decode(piecesOf(input), known);
    note(`${decoded.located.length > 0} ${decoded.fault?.replace(/\d+|0x[0-9a-f]+/g, "0")}`);
    check(isSame(decode(singleBytes(bytes), known), decoded), "byte by byte it is another stream");
    let offset = 0;
    for (const packet of decoded.located) {
      check(
        packet.offset === offset && packet.byteCount > 0,
        "packets do not follow each other without a gap",
      );
      offset += packet.byteCount;
      checkShown(core.show(packet), packet.packet);
    }
    check(
      offset <= bytes.length && (decoded.fault !== undefined || offset === bytes.length),
      "bytes are left over",
    );
    checkDump(core, bytes, input, (input.calls[1] ?? 0) % 4);
  };

  return {
    name,
    oracle:
      "the same packets and the same fault at any split, without gaps; shows nothing harmful and no token",
    takesSplits: true,
    takesCalls: true,
    maxBytes: 1_500,
    dictionary: words("4c454b54", "00000010: ", "*\n", "#", "  |", "\n", " ", TOKEN),
    seeds,
    run,
  };
}

function faultOf(act: () => void): string | undefined {
  try {
    act();
  } catch (error) {
    check(
      error instanceof Error && "code" in error && error.code === "LEKT_INPUT",
      `it throws: ${String(error)}`,
    );
    return error.message;
  }
  return undefined;
}

function checkShown([text, json]: readonly [string, string], packet: LocatedPacket["packet"]): void {
  check(
    text.endsWith("\n") && !/[^\P{C}\n]/u.test(text.replace(/\p{Cn}|\p{Co}/gu, "")),
    "the text is unsafe",
  );
  check(json.trimEnd().split("\n").length === 1, "the JSON takes more than a line");
  const fields: unknown = JSON.parse(json);
  check(typeof fields === "object" && fields !== null && "type" in fields, "the JSON has no type");
  if (packet.type !== "response" || packet.method !== METHOD.token || packet.payload.length < 4) return;
  check(!json.includes(toHex(packet.payload)) && !text.includes(TOKEN), "a token is shown");
}

/** Bytes that are written as a dump are read again; any text is read the same at any split. */
function checkDump(core: DecodeCore, bytes: Uint8Array, input: FuzzInput, style: number): void {
  const read = (texts: readonly string[]) => {
    const reader = new core.HexDumpReader();
    const parts: Uint8Array[] = [];
    let length = 0;
    const take = (found: Iterable<Uint8Array>) => {
      for (const part of found) {
        parts.push(part);
        length += part.length;
        if (length > MAX_DUMPED) return;
      }
    };
    const fault = faultOf(() => {
      for (const text of texts) if (length <= MAX_DUMPED) take(reader.read(text));
      if (length <= MAX_DUMPED) take(reader.end());
    });
    return { bytes: concatBytes(parts).slice(0, MAX_DUMPED), fault };
  };
  const cut = (text: string) =>
    piecesOf({ ...input, bytes: encodeUtf8(text) }).map((piece) => Buffer.from(piece).toString("latin1"));
  const dumped = read(cut(dumpOf(bytes, style)));
  check(
    dumped.fault === undefined && equalBytes(dumped.bytes, bytes),
    `a dump of style ${style} is read otherwise`,
  );
  const text = textOf(bytes).replace(/[^\t-~]/g, "?");
  const whole = read([text]);
  const inPieces = read(cut(text));
  check(whole.fault === inPieces.fault, "a text in pieces has another fault");
  if (whole.fault === undefined)
    check(equalBytes(whole.bytes, inPieces.bytes), "a text in pieces is other bytes");
}

function dumpOf(bytes: Uint8Array, style: number): string {
  const hex = toHex(bytes);
  if (style === 0) return hex;
  if (style === 1) return `# a comment\n${hex.replace(/../g, "$& ")}\n`;
  const lines = hex.match(/.{1,32}/g) ?? [];
  return lines
    .map((line, i) => {
      const at = (16 * i).toString(16).padStart(8, "0");
      const text = Buffer.from(line, "hex")
        .toString("latin1")
        .replace(/[^ -~]/g, ".");
      if (style === 2) return `${at}: ${(line.match(/.{1,4}/g) ?? []).join(" ").padEnd(39)}  ${text}\n`;
      return `${at}  ${(line.match(/../g) ?? []).join(" ").padEnd(48)} |${text}|\n`;
    })
    .join("");
}

function seeds(): readonly FuzzInput[] {
  const directions: readonly Direction[] = ["client to server", "server to client"];
  const vectors = directions.flatMap((direction, i) =>
    packetVectors(direction).map(({ phase, bytes }) =>
      inputOf(bytes, Uint8Array.of(i + 1 + 4 * PHASES.indexOf(phase), 0)),
    ),
  );
  const token = [encodeHandshake(18, [18]), encodeResponse(METHOD.token, encodeUtf8(TOKEN))];
  return [
    ...vectors,
    ...[0, 1, 2, 3].map((style) => inputOf(concatBytes(token), Uint8Array.of(0, style), [3, 9])),
    inputOf(encodeUtf8("00000000: 4c45 4b54  LEKT\n*\n00000010: 48\n")),
    inputOf(
      encodeUtf8("00000000  4c 45 4b 54 48 01 00 00  00 00 00 00 00 00 00 00  |LEKTH...|\n*\n00000030\n"),
    ),
  ];
}
