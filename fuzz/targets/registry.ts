import type { FuzzTarget } from "../engine/fuzz-target.ts";
import { clientDecoderTarget } from "./client-decoder.ts";
import { clientSessionTarget } from "./client-session.ts";
import { decodeTarget } from "./decode.ts";
import { ipTarget } from "./ip.ts";
import { lektUrlTarget } from "./lekt-url.ts";
import { payloadsTarget } from "./payloads.ts";
import { rosterTarget } from "./roster.ts";
import { rosterViewTarget } from "./roster-view.ts";
import { safeTextTarget } from "./safe-text.ts";
import { serverDecoderTarget } from "./server-decoder.ts";
import { serverInfoTarget } from "./server-info.ts";
import { serverSessionTarget } from "./server-session.ts";
import { utf8Target } from "./utf8.ts";

/** Every target: one file each, one line here. */
export const TARGETS: readonly FuzzTarget[] = [
  clientDecoderTarget("client-decoder"),
  serverDecoderTarget("server-decoder"),
  serverSessionTarget("server-session"),
  clientSessionTarget("client-session"),
  rosterViewTarget("roster-view"),
  rosterTarget("roster"),
  lektUrlTarget("lekt-url"),
  safeTextTarget("safe-text"),
  utf8Target("utf8"),
  ipTarget("ip"),
  payloadsTarget("payloads"),
  serverInfoTarget("server-info"),
  decodeTarget("decode"),
];
