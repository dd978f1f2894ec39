export type { CheckInfo, CheckResult, Evidence, Level } from "./check.ts";
export type { ServerCheck } from "./server-bench.ts";
export { SERVER_CHECKS } from "./server-checks/registry.ts";
export { checkServer, type ServerRunOptions } from "./server-run.ts";
