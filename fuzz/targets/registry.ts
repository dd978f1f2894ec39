import type { FuzzTarget } from "../engine/fuzz-target.ts";
import { circuitTokenTarget } from "./circuit-token.ts";
import { clientDecoderTarget } from "./client-decoder.ts";
import { clientSessionTarget } from "./client-session.ts";
import { decodeTarget } from "./decode.ts";
import { fileMessagesTarget } from "./file-messages.ts";
import { fileNamesTarget } from "./file-names.ts";
import { framesTarget } from "./frames.ts";
import { identityTextTarget } from "./identity-text.ts";
import { ipTarget } from "./ip.ts";
import { lektUrlTarget } from "./lekt-url.ts";
import { natPmpTarget } from "./nat-pmp.ts";
import { payloadsTarget } from "./payloads.ts";
import { peerSignalTarget } from "./peer-signal.ts";
import { preambleTarget } from "./preamble.ts";
import { probeTarget } from "./probe.ts";
import { punchPacketsTarget } from "./punch-packets.ts";
import { rosterTarget } from "./roster.ts";
import { rosterViewTarget } from "./roster-view.ts";
import { safeTextTarget } from "./safe-text.ts";
import { serverDecoderTarget } from "./server-decoder.ts";
import { serverInfoTarget } from "./server-info.ts";
import { serverSessionTarget } from "./server-session.ts";
import { serviceRulesTarget } from "./service-rules.ts";
import { stunTarget } from "./stun.ts";
import { targetRulesTarget } from "./target-rules.ts";
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
  preambleTarget("preamble"),
  framesTarget("frames"),
  identityTextTarget("identity-text"),
  peerSignalTarget("peer-signal"),
  targetRulesTarget("target-rules"),
  serviceRulesTarget("service-rules"),
  stunTarget("stun"),
  probeTarget("probe"),
  punchPacketsTarget("punch-packets"),
  circuitTokenTarget("circuit-token"),
  natPmpTarget("nat-pmp"),
  fileMessagesTarget("file-messages"),
  fileNamesTarget("file-names"),
];
