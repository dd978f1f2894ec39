/** All maps that `make` makes, to see from outside how large its state grows. */
export function withMaps<Made>(make: () => Made): { made: Made; maps: ReadonlyMap<unknown, unknown>[] } {
  const maps: ReadonlyMap<unknown, unknown>[] = [];
  const Platform = globalThis.Map;
  class CountedMap<Key, Value> extends Platform<Key, Value> {
    constructor(entries?: Iterable<readonly [Key, Value]> | null) {
      super(entries);
      maps.push(this);
    }
  }
  globalThis.Map = CountedMap as MapConstructor;
  try {
    return { made: make(), maps };
  } finally {
    globalThis.Map = Platform;
  }
}
