import type { FuzzInput } from "./fuzz-input.ts";
import { packetStarts, resized } from "./packet-mutations.ts";

/**
 * The smallest input around `input` for which `fails` still holds: parts of its bytes, calls and splits are left
 * out, then bytes are made 0, as long as that helps.
 * @param maxRuns how often `fails` may be asked at the most, and `maxMs` for how long.
 */
export function shrink(
  input: FuzzInput,
  fails: (input: FuzzInput) => boolean,
  maxRuns: number,
  maxMs = 10_000,
): FuzzInput {
  let smallest = input;
  let runs = 0;
  const endMs = performance.now() + maxMs;
  const isOver = () => runs >= maxRuns || performance.now() >= endMs;
  const attempt = (candidate: FuzzInput): boolean => {
    if (isOver()) return false;
    runs++;
    if (!fails(candidate)) return false;
    smallest = candidate;
    return true;
  };
  const leaveOutPackets = () => {
    for (let i = packetStarts(smallest.bytes).length - 1; i >= 0; i--) {
      const starts = packetStarts(smallest.bytes);
      const [at, end = smallest.bytes.length] = starts.slice(i);
      if (at !== undefined) attempt(withoutBytes(smallest, at, end - at, false));
    }
  };
  attempt({ ...smallest, splits: [] });
  for (let before = -1; before !== weight(smallest) && !isOver(); ) {
    before = weight(smallest);
    leaveOut(
      () => smallest.bytes.length,
      (at, count) =>
        attempt(withoutBytes(smallest, at, count, false)) || attempt(withoutBytes(smallest, at, count, true)),
    );
    leaveOutPackets();
    leaveOut(
      () => smallest.calls.length,
      (at, count) => attempt({ ...smallest, calls: without(smallest.calls, at, count) }),
    );
    leaveOut(
      () => smallest.splits.length,
      (at, count) =>
        attempt({ ...smallest, splits: smallest.splits.filter((_, i) => i < at || i >= at + count) }),
    );
    for (let at = 0; at < smallest.calls.length; at++) {
      lower(smallest.calls, at, (calls) => attempt({ ...smallest, calls }));
    }
    for (let at = 0; at < smallest.bytes.length; at++) {
      lower(smallest.bytes, at, (bytes) => attempt({ ...smallest, bytes }));
    }
  }
  return smallest;
}

function weight({ bytes, splits, calls }: FuzzInput): number {
  let sum = 1_000 * (bytes.length + splits.length + calls.length);
  for (const byte of bytes) sum += byte;
  for (const byte of calls) sum += byte;
  return sum;
}

/** Tries to do without parts, from halves down to single items. */
function leaveOut(length: () => number, attempt: (at: number, count: number) => boolean): void {
  for (let count = Math.max(1, length() >> 1); ; count >>= 1) {
    for (let at = 0; at < length(); ) {
      if (!attempt(at, Math.min(count, length() - at))) at += count;
    }
    if (count <= 1) return;
  }
}

function lower(bytes: Uint8Array, at: number, attempt: (bytes: Uint8Array) => boolean): void {
  const value = bytes[at] ?? 0;
  for (const less of new Set([0, 1, value >> 1, value - 1])) {
    if (less < 0 || less >= value) continue;
    const changed = new Uint8Array(bytes);
    changed[at] = less;
    if (attempt(changed)) return;
  }
}

function without(bytes: Uint8Array, at: number, count: number): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + count)]);
}

/** Splits stay with the bytes that they stand before. @param mends whether lengths around the stretch follow. */
function withoutBytes(input: FuzzInput, at: number, count: number, mends: boolean): FuzzInput {
  const { bytes } = input;
  const places = input.splits.map((place) => place % (bytes.length + 1));
  const splits = places.map((place) => (place <= at ? place : Math.max(at, place - count)));
  return {
    ...input,
    bytes: mends ? resized(bytes, at, count, new Uint8Array(0)) : without(bytes, at, count),
    splits,
  };
}
