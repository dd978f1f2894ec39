import { decodeUtf8, encodeUtf8 } from "@lekt/protocol";
import { ByteDealer } from "../engine/fuzz-input.ts";

const VALUES = [
  ...[-1, -0, 0, 1, 2, 3, 0.5, 16, 200, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53],
  ...["", "a", "\0", "\u202e", "\ud800", "x".repeat(201), "x".repeat(501), null, true, false],
] as const;

/** Mutations of bytes seldom leave JSON one: so `calls` say which of its values are replaced. */
export function editedJson(bytes: Uint8Array, calls: Uint8Array): Uint8Array {
  let json: unknown;
  try {
    json = JSON.parse(decodeUtf8(bytes) ?? "");
  } catch {
    return bytes;
  }
  for (const dealer = new ByteDealer(calls.subarray(0, 16)); !dealer.isEmpty; ) json = edited(json, dealer);
  return calls.length === 0 ? bytes : encodeUtf8(JSON.stringify(json));
}

function edited(value: unknown, dealer: ByteDealer): unknown {
  const isStop = typeof value !== "object" || value === null || dealer.below(5) === 0;
  const keys = isStop ? [] : Object.keys(value);
  if (isStop || keys.length === 0) return replaced(value, dealer);
  const copy: object = Array.isArray(value) ? [...value] : { ...value };
  const key = dealer.pick(keys);
  return Object.assign(copy, { [key]: edited(Reflect.get(value, key), dealer) });
}

function replaced(value: unknown, dealer: ByteDealer): unknown {
  const step = dealer.below(6);
  if (step > 2) return dealer.pick<unknown>([...VALUES, [], {}]);
  if (typeof value === "number") return value + step - 1;
  if (typeof value === "string") return [`${value}0`, value.slice(1), value.toUpperCase()][step];
  return Array.isArray(value) ? [[...value, ...value], value.slice(1), [value]][step] : value;
}
