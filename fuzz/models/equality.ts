/** Whether two plain values (objects, lists, bytes, primitives) say the same. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => isSame(field(a, key), field(b, key)));
}

function field(value: object, key: string): unknown {
  return (value as Record<string, unknown>)[key];
}

/** How often each key is there, as one text: two multisets are equal where these are. */
export function multisetText(keys: Iterable<string>): string {
  return JSON.stringify([...keys].sort());
}
