import type { Services } from "./services.ts";

/** What the heart of the server needs of the world. */
export interface Surroundings {
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number;
  /** The wall clock, in whole seconds. */
  readonly unixSeconds: () => number;
  /** Random bytes, for sessions and histories. */
  readonly random: (bytes: number) => Uint8Array;
  /** Default: rosters and signals alone. */
  readonly services?: Services;
  /** Runs what the heart does by itself, when `authorize` has decided; `nextTickMs` may move. Default: just runs it. */
  readonly act?: (deed: () => void) => void;
}
