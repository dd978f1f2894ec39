import type { ServerOptions } from "@lekt/server";
import type { Mutation } from "./flawed-line.ts";
import type { StunFlaw } from "./flawed-stun.ts";

/** A server that is wrong in one way, and the checks that must see it. */
export interface ServerFlaw {
  readonly fails: readonly string[];
  readonly mutation?: Mutation;
  readonly options?: ServerOptions;
  /** It answers STUN itself. */
  readonly stun?: StunFlaw;
}
