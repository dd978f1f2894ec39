/** How long it takes from `connect()` to the first byte that came back, by each kind of path. */
import type { FirstByte, Reach } from "./end-process.ts";
import type { PathKind } from "./paths.ts";
import type { Place } from "./place.ts";

export interface FirstByteResult {
  readonly path: string;
  readonly roundTripMs: number;
  /** Undefined where it failed. */
  readonly elapsedMs: number | undefined;
  readonly fault: string | undefined;
}

export interface FirstBytePlan {
  readonly kinds: readonly PathKind[];
  readonly repeats: number;
  readonly progress: (text: string) => void;
}

export async function measureFirstBytes(
  place: Place,
  plan: FirstBytePlan,
): Promise<readonly FirstByteResult[]> {
  const { roundTripMs } = place;
  const results: FirstByteResult[] = [];
  for (let turn = 0; turn <= plan.repeats; turn++) {
    // Each once beforehand, as what runs for the first time is compiled meanwhile.
    const isWarmUp = turn === 0;
    for (const kind of plan.kinds) {
      const path = kind.title;
      plan.progress(`${path}: ${isWarmUp ? "warming up" : `${turn} of ${plan.repeats}`}`);
      const outcome = await firstByteBy(kind, place, `${path} ${turn}`).then(
        ({ elapsedMs }) => ({ elapsedMs, fault: undefined }),
        (error: Error) => ({ elapsedMs: undefined, fault: error.message }),
      );
      if (!isWarmUp) results.push({ path, roundTripMs, ...outcome });
    }
  }
  return results;
}

/** @throws Error where there was no path, or one of another kind. */
async function firstByteBy(kind: PathKind, place: Place, meeting: string): Promise<FirstByte> {
  const { via, routers, method } = kind;
  const [near, far] = await Promise.all([place.end("near", routers[0]), place.end("far", routers[1])]);
  if (typeof via === "string") {
    const port = await far.worker.do<number>({ do: "listen", kind: via, host: far.address });
    const reach: Reach = { kind: via, address: { host: far.address, port } };
    return near.worker.do<FirstByte>({ do: "first byte", reach });
  }
  // A network of its own: both ends join anew, and know nothing of the meeting before.
  const url = `lekt://${place.server}/${encodeURIComponent(meeting)}`;
  await Promise.all([
    near.worker.do({ do: "join", url, name: "near" }),
    far.worker.do({ do: "join", url, name: "far" }),
  ]);
  try {
    const reach: Reach = { kind: "lekt", url, peer: "far", methods: via };
    const found = await near.worker.do<FirstByte>({ do: "first byte", reach });
    if (found.method !== method) throw new Error(`the path was found by ${found.method}`);
    return found;
  } finally {
    await Promise.all([near, far].map(({ worker }) => worker.do({ do: "leave", url })));
  }
}
