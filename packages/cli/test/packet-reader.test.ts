import { readFileSync } from "node:fs";
import { fromHex } from "@lekt/protocol";
import { createColors } from "picocolors";
import { describe, expect, it } from "vitest";
import { HexDumpReader } from "../src/decode/hex-dump.ts";
import { InputFault } from "../src/decode/input-fault.ts";
import { packetJson } from "../src/decode/packet-json.ts";
import { type LocatedPacket, PacketReader } from "../src/decode/packet-reader.ts";
import { packetText } from "../src/decode/packet-text.ts";
import { GUESS_BYTES, guessStreamKind, type StreamKind } from "../src/decode/stream-kind.ts";

interface Vector {
  readonly name: string;
  readonly direction: "client to server" | "server to client";
  readonly phase: StreamKind["phase"];
  readonly hex: string;
  readonly error?: { readonly word?: string; readonly code?: string };
}

function vectors(file: string): Vector[] {
  const text = readFileSync(new URL(`../../../spec/vectors/${file}.json`, import.meta.url), "utf8");
  return JSON.parse(text) as Vector[];
}

function kindOf({ direction, phase }: Vector): StreamKind {
  return { direction: direction === "client to server" ? "client" : "server", phase };
}

function decode(hex: string, kind: StreamKind): LocatedPacket[] {
  const reader = new PacketReader(kind);
  const packets = [...reader.read(fromHex(hex) as Uint8Array)];
  reader.end();
  return packets;
}

const WELL_FORMED = ["handshake", "setup", "updates", "reject", "signals"].flatMap(vectors);
const MALFORMED = ["malformed-client", "malformed-server", "malformed-signals", "malformed-circuits"].flatMap(
  vectors,
);

/** What one side's bytes alone do not show: whether setup was over, what was asked, and an operator's limits. */
const NOT_SEEN_FROM_ONE_SIDE =
  /heartbeat during setup|answer for a method in the heartbeat phase|second handshake|another index than|in another order|did not set signal|signal in the setup$|(published|all) payloads/i;

describe("PacketReader", () => {
  it.each(WELL_FORMED.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    const packets = decode(vector.hex, kindOf(vector));
    const total = packets.reduce((sum, { byteCount }) => sum + byteCount, 0);
    expect(total).toBe(vector.hex.length / 2);
    expect(packets.filter(({ fault }) => fault)).toEqual([]);
    for (const packet of packets) {
      const text = packetText(packet, { colors: createColors(false), showPrivate: true });
      expect(text).toMatch(/^[0-9a-f]{8} {2}\S| {2}\S/);
      expect(text).not.toMatch(/[^\P{C}\n]/u);
      expect(JSON.parse(JSON.stringify(packetJson(packet, true)))).toMatchObject({ offset: packet.offset });
    }
  });

  it.each(
    MALFORMED.filter(({ name }) => !NOT_SEEN_FROM_ONE_SIDE.test(name)).map(
      (vector) => [vector.name, vector] as const,
    ),
  )("malformed: %s", (_, vector) => {
    const reader = new PacketReader(kindOf(vector));
    const bytes = fromHex(vector.hex) as Uint8Array;
    const found: LocatedPacket[] = [];
    const read = () => {
      for (const packet of reader.read(bytes)) found.push(packet);
      reader.end();
    };
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(InputFault);
      expect((error as InputFault).details["reason"]).toBe(vector.error?.word ?? vector.error?.code);
      return;
    }
    expect(found.some(({ fault }) => fault)).toBe(true);
  });

  it("guesses direction and phase from the first packet", () => {
    const guess = (hex: string) => guessStreamKind((fromHex(hex) as Uint8Array).subarray(0, GUESS_BYTES), {});
    const odd = /before 1970|time stamp|stray|signal (from|that)|answer of the server/;
    for (const vector of WELL_FORMED.filter(({ name }) => !odd.test(name))) {
      expect([vector.name, guess(vector.hex)]).toEqual([
        vector.name,
        // A Reject alone may stand in any phase.
        vector.hex.startsWith("4c454b5452") ? { direction: "server", phase: "handshake" } : kindOf(vector),
      ]);
    }
  });
});

describe("HexDumpReader", () => {
  const text =
    "# top\n00000000  4c 45 4b 54 48 01 00 00  00 00 00 00 69 c4 77 00  |LEKTH.......i.w.|\n*\n00000030\n";

  it("gives the same bytes from any split", () => {
    const whole = collect([text]);
    expect(whole).toHaveLength(96);
    for (let at = 1; at < text.length; at++) expect(collect([text.slice(0, at), text.slice(at)])).toBe(whole);
    expect(collect([...text])).toBe(whole);
  });

  it("holds no long line back", () => {
    const reader = new HexDumpReader();
    const pieces = [...reader.read("ab".repeat(10_000))];
    expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(10_000);
  });

  function collect(pieces: readonly string[]): string {
    const reader = new HexDumpReader();
    const parts = pieces.flatMap((piece) => [...reader.read(piece)]);
    return Buffer.concat([...parts, ...reader.end()]).toString("hex");
  }
});
