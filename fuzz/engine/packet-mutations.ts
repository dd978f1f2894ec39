import type { Random } from "@lekt/testkit";
import { type ByteMutation, EDGES, putInteger, spliced, stretchOf } from "./byte-mutations.ts";

const MAGIC = [0x4c, 0x45, 0x4b, 0x54];
const TYPES = [..."HARTSC"].map((letter) => letter.charCodeAt(0));

/** Where packets begin, as far as the magic tells. */
export function packetStarts(bytes: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = bytes.indexOf(0x4c); at >= 0; at = bytes.indexOf(0x4c, at + 1)) {
    if (MAGIC.every((byte, i) => bytes[at + i] === byte)) starts.push(at);
  }
  return starts;
}

function packetAt(bytes: Uint8Array, random: Random): { at: number; count: number } {
  const starts = packetStarts(bytes);
  if (starts.length === 0) return stretchOf(bytes.length, random);
  const first = random.below(starts.length);
  const last = Math.min(starts.length, first + (random.oneIn(3) ? 1 + random.below(4) : 1));
  const at = starts[first] as number;
  return { at, count: (starts[last] ?? bytes.length) - at };
}

function readU32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0);
}

/** The length fields that seem to hold the place `inside`: their value reaches over it and not past the end. */
function lengthFields(bytes: Uint8Array, inside: number): number[] {
  const fields: number[] = [];
  for (let at = Math.max(0, inside - 600); at + 4 <= inside; at++) {
    const length = readU32(bytes, at);
    if (at + 4 + length >= inside && at + 4 + length <= bytes.length && length > 0) fields.push(at);
  }
  return fields;
}

/** Puts `put` in the place of `count` bytes, and mends the lengths around it. */
export function resized(bytes: Uint8Array, at: number, count: number, put: Uint8Array): Uint8Array {
  let result = spliced(bytes, at, count, put);
  for (const field of lengthFields(bytes, at)) {
    if (readU32(bytes, field) + field + 4 < at + count) continue;
    result = putInteger(result, field, 4, readU32(bytes, field) + put.length - count);
  }
  return result;
}

/** Mutations that know what packets look like. */
export const PACKET_MUTATIONS: readonly ByteMutation[] = [
  function dropPacket(bytes, random) {
    const { at, count } = packetAt(bytes, random);
    return spliced(bytes, at, count, new Uint8Array(0));
  },
  function repeatPacket(bytes, random) {
    const { at, count } = packetAt(bytes, random);
    const packet = bytes.slice(at, at + count);
    let result = bytes;
    const times = random.pick([1, 1, 2, 4, 21, 45]);
    for (let i = 0; i < times; i++) result = spliced(result, at, 0, packet);
    return result;
  },
  function swapPackets(bytes, random) {
    const { at, count } = packetAt(bytes, random);
    const packet = bytes.slice(at, at + count);
    const rest = spliced(bytes, at, count, new Uint8Array(0));
    const starts = [...packetStarts(rest), rest.length];
    return spliced(rest, random.pick(starts), 0, packet);
  },
  function cutPacket(bytes, random) {
    const { at, count } = packetAt(bytes, random);
    const kept = random.below(count);
    return spliced(bytes, at + kept, count - kept, new Uint8Array(0));
  },
  function changeType(bytes, random) {
    const { at } = packetAt(bytes, random);
    return putInteger(bytes, Math.min(at + 4, bytes.length), 1, random.pick(TYPES));
  },
  function edgeField(bytes, random) {
    const { at } = packetAt(bytes, random);
    const field = Math.min(at + random.pick([8, 12, 16, 17, 20, 24, 28, 32]), bytes.length);
    return putInteger(bytes, field, 4, random.pick(EDGES));
  },
  function edgeLength(bytes, random) {
    const fields = lengthFields(bytes, random.below(bytes.length + 1));
    if (fields.length === 0) return bytes;
    const field = random.pick(fields);
    const step = random.pick([-1, 1, -4, 4, -8, 8]);
    const value = random.oneIn(3) ? random.pick(EDGES) : Math.max(0, readU32(bytes, field) + step);
    return putInteger(bytes, field, 4, value);
  },
  function growInside(bytes, random) {
    const length = random.pick([1, 2, 4, 8, 32, 64, 256, 1_024, 4_096]);
    const put = new Uint8Array(length).fill(random.oneIn(2) ? 0x61 : random.u32());
    return resized(bytes, random.below(bytes.length + 1), 0, put);
  },
  function shrinkInside(bytes, random) {
    const { at, count } = stretchOf(bytes.length, random);
    return resized(bytes, at, count, new Uint8Array(0));
  },
  function copyInside(bytes, random) {
    const { at, count } = stretchOf(bytes.length, random);
    return resized(bytes, random.below(bytes.length + 1), 0, bytes.slice(at, at + count));
  },
];
