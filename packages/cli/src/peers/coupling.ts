import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Copies both ways until both directions have ended; where one breaks, both are destroyed. */
export async function couple(one: Duplex, other: Duplex): Promise<void> {
  try {
    await Promise.all([pipeline(one, other, { end: true }), pipeline(other, one, { end: true })]);
  } finally {
    one.destroy();
    other.destroy();
  }
}
