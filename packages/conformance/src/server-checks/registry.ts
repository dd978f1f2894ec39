import type { ServerCheck } from "../server-bench.ts";
import { circuitChecks } from "./circuits.ts";
import { handshakeChecks } from "./handshake.ts";
import { heartbeatChecks } from "./heartbeat.ts";
import { holdChecks } from "./hold.ts";
import { payloadChecks } from "./payloads.ts";
import { rejectChecks } from "./reject.ts";
import { resumeChecks } from "./resume.ts";
import { rosterChecks } from "./roster.ts";
import { setupChecks } from "./setup.ts";
import { signalChecks } from "./signals.ts";
import { stunChecks } from "./stun.ts";
import { updateChecks } from "./update.ts";
import { wordChecks } from "./words.ts";

/** Everything that is asked of a server, in the order of the specification. */
export const SERVER_CHECKS: readonly ServerCheck[] = [
  ...handshakeChecks,
  ...setupChecks,
  ...payloadChecks,
  ...heartbeatChecks,
  ...rosterChecks,
  ...holdChecks,
  ...wordChecks,
  ...updateChecks,
  ...resumeChecks,
  ...rejectChecks,
  ...signalChecks,
  ...circuitChecks,
  ...stunChecks,
];
