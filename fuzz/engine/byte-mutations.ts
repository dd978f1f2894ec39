import type { Random } from "@lekt/testkit";

/** Values at which integers of a protocol change their meaning. */
export const EDGES = [
  0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 24, 31, 32, 33, 63, 64, 65, 127, 128, 129, 254, 255, 256, 1_023, 1_024,
  1_025, 2_047, 2_048, 2_049, 4_095, 4_096, 4_097, 16_383, 16_384, 16_385, 25_000, 25_001, 32_767, 32_768,
  65_535, 65_536, 65_537, 0xff_ffff, 0x100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
] as const;

export type ByteMutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** `bytes` with `count` of them, from `at` on, replaced. */
export function spliced(bytes: Uint8Array, at: number, count: number, put: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - count + put.length);
  result.set(bytes.subarray(0, at));
  result.set(put, at);
  result.set(bytes.subarray(at + count), at + put.length);
  return result;
}

/** A stretch, mostly a short one. */
export function stretchOf(length: number, random: Random): { at: number; count: number } {
  const at = random.below(length);
  const most = Math.min(length - at, random.pick([1, 2, 4, 8, 16, 64, length]));
  return { at, count: most === 0 ? 0 : 1 + random.below(most) };
}

export function putInteger(bytes: Uint8Array, at: number, size: number, value: number): Uint8Array {
  const put = new Uint8Array(size);
  for (let i = 0; i < size; i++) put[size - 1 - i] = Math.floor(value / 2 ** (8 * i)) % 256;
  return spliced(bytes, at, Math.min(size, bytes.length - at), put);
}

function readInteger(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

export const BYTE_MUTATIONS: readonly ByteMutation[] = [
  function flipBit(bytes, random) {
    const result = new Uint8Array(bytes);
    const at = random.below(bytes.length);
    result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
    return result;
  },
  function setByte(bytes, random) {
    const result = new Uint8Array(bytes);
    result[random.below(bytes.length)] = random.oneIn(2) ? random.u32() : random.pick(EDGES);
    return result;
  },
  function setInteger(bytes, random) {
    return putInteger(bytes, random.below(bytes.length), random.pick([2, 3, 4, 4]), random.pick(EDGES));
  },
  function stepInteger(bytes, random) {
    const at = random.below(bytes.length);
    const size = random.pick([1, 2, 4]);
    const step = random.pick([-16, -4, -1, 1, 4, 16]);
    return putInteger(bytes, at, size, Math.max(0, readInteger(bytes, at, size) + step));
  },
  function remove(bytes, random) {
    const { at, count } = stretchOf(bytes.length, random);
    return spliced(bytes, at, count, new Uint8Array(0));
  },
  function insert(bytes, random) {
    const put = Uint8Array.from({ length: 1 + random.below(8) }, () => random.u32());
    return spliced(bytes, random.below(bytes.length + 1), 0, random.oneIn(3) ? put.fill(put[0] ?? 0) : put);
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.below(bytes.length));
  },
  function copyWithin(bytes, random) {
    const { at, count } = stretchOf(bytes.length, random);
    const part = bytes.subarray(at, at + count);
    const to = random.below(bytes.length + 1);
    return spliced(bytes, to, random.oneIn(2) ? 0 : Math.min(count, bytes.length - to), part);
  },
  function repeat(bytes, random) {
    const { at, count } = stretchOf(bytes.length, random);
    const part = bytes.subarray(at, at + count);
    const times = random.pick([1, 2, 3, 8, 50]);
    const put = new Uint8Array(part.length * times);
    for (let i = 0; i < times; i++) put.set(part, i * part.length);
    return spliced(bytes, at + count, 0, put);
  },
];
