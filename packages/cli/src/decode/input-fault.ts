import { LektError } from "@lekt/protocol";
import type { DetailedError } from "../failure.ts";

/** The bytes break a rule. `details.offset` counts from the first byte of the stream. */
export class InputFault extends LektError implements DetailedError {
  readonly details: Readonly<Record<string, unknown>>;

  /** @param reason the word or the code that an implementation answers this fault with. */
  constructor(offset: number, why: string, reason?: string) {
    super("LEKT_INPUT", `At byte ${offset} (0x${offset.toString(16)}): ${why.replace(/\.$/, "")}.`);
    this.details = { offset, ...(reason !== undefined && { reason }) };
  }
}
