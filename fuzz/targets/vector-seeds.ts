import { readFileSync } from "node:fs";
import { concatBytes, fromHex } from "@lekt/protocol";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";

const FOLDER = new URL("../../spec/vectors/", import.meta.url);

export type Direction = "client to server" | "server to client";

function vectorFile(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"));
}

interface PacketVector {
  readonly direction: string;
  readonly phase: "handshake" | "setup" | "heartbeat";
  readonly asked?: readonly number[];
  readonly bytes: Uint8Array;
}

/** The packets of one direction, good ones and malformed ones. */
export function packetVectors(direction: Direction): readonly PacketVector[] {
  const side = direction === "client to server" ? "client" : "server";
  const names = ["handshake", "setup", "updates", "reject", "signals", "circuits"];
  const files = [...names, `malformed-${side}`, "malformed-signals", "malformed-circuits"].map(vectorFile);
  const vectors = files.flat() as { direction: string; phase: PacketVector["phase"]; hex: string }[];
  return vectors
    .filter((vector) => vector.direction === direction || vector.direction === "either")
    .map((vector) => ({ ...vector, bytes: fromHex(vector.hex) ?? new Uint8Array(0) }));
}

/**
 * Each vector behind what brings the receiver into its phase.
 * @param calls what the driver does in such a stream.
 */
export function streamSeeds(
  direction: Direction,
  prefixOf: Record<PacketVector["phase"], Uint8Array>,
  calls: (phase: PacketVector["phase"]) => Uint8Array,
): readonly FuzzInput[] {
  return packetVectors(direction).map(({ phase, bytes }) =>
    inputOf(concatBytes([prefixOf[phase], bytes]), calls(phase)),
  );
}

interface PayloadVectors {
  readonly index: number;
  readonly valid: readonly { readonly hex: string }[];
  readonly invalid: readonly { readonly hex: string }[];
}

/** Payloads with their method, valid ones and malformed ones. */
export function payloadVectors(): readonly { index: number; payload: Uint8Array }[] {
  return (vectorFile("payloads") as PayloadVectors[]).flatMap(({ index, valid, invalid }) =>
    [...valid, ...invalid].map(({ hex }) => ({ index, payload: fromHex(hex) ?? new Uint8Array(0) })),
  );
}

interface UrlVectors {
  readonly valid: readonly { readonly url: string }[];
  readonly invalid: readonly { readonly url: string }[];
}

export function urlVectors(): readonly string[] {
  const { valid, invalid } = vectorFile("urls") as UrlVectors;
  return [...valid, ...invalid].map(({ url }) => url);
}

interface HexVector {
  readonly hex: string;
}

function bytesOf(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array(0);
}

/** Preambles, good and malformed ones, with who sends them. */
export function preambleVectors(): readonly { from: string; bytes: Uint8Array }[] {
  const file = vectorFile("peers") as Record<"preambles" | "malformed", (HexVector & { from: string })[]>;
  return [...file.preambles, ...file.malformed].map(({ from, hex }) => ({ from, bytes: bytesOf(hex) }));
}

export function frameVectors(): readonly Uint8Array[] {
  const file = vectorFile("peers") as Record<"frames" | "malformedFrames", HexVector[]>;
  return [...file.frames, ...file.malformedFrames].map(({ hex }) => bytesOf(hex));
}

export function identityVectors(): readonly Uint8Array[] {
  const { identityTexts } = vectorFile("peers") as { identityTexts: { identity: string }[] };
  return identityTexts.map(({ identity }) => bytesOf(identity));
}

export function stunVectors(): readonly Uint8Array[] {
  const file = vectorFile("stun") as Record<"requests" | "responses", HexVector[]>;
  return [...file.requests, ...file.responses].map(({ hex }) => bytesOf(hex));
}

export function probeVectors(): readonly Uint8Array[] {
  const file = vectorFile("probes") as Record<"good" | "bad", HexVector[]>;
  return [...file.good, ...file.bad].map(({ hex }) => bytesOf(hex));
}

export function circuitTokenVectors(): readonly Uint8Array[] {
  return (vectorFile("circuit-tokens") as { token: string }[]).map(({ token }) => bytesOf(token));
}
