import type { FuzzInput } from "./fuzz-input.ts";

/** Something that a target reached and that block coverage does not show; a new one makes an input worth keeping. */
export type Note = (feature: string) => void;

/** One thing under test, with its oracles. */
export interface FuzzTarget {
  readonly name: string;
  /** What must hold, in one sentence. */
  readonly oracle: string;
  /** Inputs to begin with. */
  readonly seeds: () => readonly FuzzInput[];
  /** Bytes that mutations put in. */
  readonly dictionary?: readonly Uint8Array[];
  /** The longest `bytes` that mutations make. Default 2,048. */
  readonly maxBytes?: number;
  /** Whether `splits` and `calls` mean anything. */
  readonly takesSplits: boolean;
  readonly takesCalls: boolean;
  /** Runs one input. @throws whatever is thrown is a finding. */
  readonly run: (input: FuzzInput, note: Note) => void;
}

/** What must hold does not. */
class Violation extends Error {
  override readonly name = "Violation";
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}
