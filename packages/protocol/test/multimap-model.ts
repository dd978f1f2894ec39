/** How often each key is there: what a roster is, at its plainest (spec 5.9). */
type Multiset = Map<string, number>;

function multiset(keys: Iterable<string>): Multiset {
  const counts: Multiset = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** What of `a` is left when `b` is taken out of it, as a sorted list. */
export function difference(a: Iterable<string>, b: Iterable<string>): string[] {
  const rest = multiset(b);
  const left: string[] = [];
  for (const key of a) {
    const count = rest.get(key) ?? 0;
    if (count === 0) left.push(key);
    else rest.set(key, count - 1);
  }
  return left.sort();
}

/** A roster as a plain multimap: for each address the keys of its clients. */
export class MultimapRoster {
  readonly byAddress = new Map<number, string[]>();

  add(ip: number, key: string): void {
    this.byAddress.set(ip, [...(this.byAddress.get(ip) ?? []), key]);
  }

  removeAddress(ip: number): void {
    this.byAddress.delete(ip);
  }

  keys(): string[] {
    return [...this.byAddress.values()].flat().sort();
  }

  copy(): MultimapRoster {
    const copy = new MultimapRoster();
    for (const [ip, keys] of this.byAddress) copy.byAddress.set(ip, keys);
    return copy;
  }
}
