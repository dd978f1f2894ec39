export type { CheckInfo, CheckResult, Evidence, Level } from "./check.ts";
export type { ClientCheck } from "./client-bench.ts";
export { CLIENT_CHECKS } from "./client-checks/registry.ts";
export {
  type ClientProgram,
  commandProgram,
  type Destination,
  type RunningClient,
} from "./client-program.ts";
export { type ClientRunOptions, checkClient } from "./client-run.ts";
export { type ConformanceReport, compareClauses, reportOf } from "./report.ts";
export type { ServerCheck } from "./server-bench.ts";
export { SERVER_CHECKS } from "./server-checks/registry.ts";
export { checkServer, type ServerRunOptions } from "./server-run.ts";
export { UNCHECKED_CLAUSES } from "./unchecked.ts";
