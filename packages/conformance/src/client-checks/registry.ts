import type { ClientCheck } from "../client-bench.ts";
import { clientHeartbeatChecks } from "./heartbeat.ts";
import { clientRejectChecks } from "./reject.ts";
import { clientRosterChecks } from "./roster.ts";
import { clientSetupChecks } from "./setup.ts";
import { clientSignalChecks } from "./signals.ts";
import { clientUpdateChecks } from "./updates.ts";

/** Everything that is asked of a client, in the order of the specification. */
export const CLIENT_CHECKS: readonly ClientCheck[] = [
  ...clientSetupChecks,
  ...clientHeartbeatChecks,
  ...clientUpdateChecks,
  ...clientRosterChecks,
  ...clientRejectChecks,
  ...clientSignalChecks,
];
