import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { USAGE as BENCH_USAGE } from "../../benchmarks/bench-options.ts";
import { USAGE as SIMULATION_USAGE } from "../../simulation/simulation-options.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const argsOf = (script: string, args: readonly string[]) => ["--import", "tsx", script, ...args];

function run(script: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, argsOf(script, args), { cwd: root, encoding: "utf8" });
}

test("--help shows examples and exit codes", () => {
  const { status, stdout, stderr } = run("fuzz/main.ts", "--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const usage of [stdout, SIMULATION_USAGE, BENCH_USAGE]) {
    expect(usage).toMatch(/^Examples:$/m);
    expect(usage).toMatch(/^Exit codes: 0 /m);
  }
});

test.each([
  ["fuzz/main.ts", ["--jobs", "0"]],
  ["simulation/main.ts", ["--no-such-flag"]],
  ["tests/abuse/main.ts", ["--only", "nothing of that name"]],
])("%s %j is wrong usage", (script, args) => {
  const { status, stdout, stderr } = run(script, ...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^.+\nnpm run \w+ -- --help tells how it is used\.\n$/);
});

test("an input that cannot be replayed is no finding", () => {
  const { status, stderr } = run("fuzz/main.ts", "--replay", "package.json");
  expect(status).toBe(2);
  expect(stderr).toContain("package.json cannot be replayed: ");
});

test("a reader that has seen enough is no error", async () => {
  const child = spawn(process.execPath, argsOf("simulation/main.ts", ["--seeds", "1", "--trace"]), {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stdout.once("data", () => child.stdout.destroy());
  const [code] = await once(child, "close");
  expect({ code, said }).toEqual({ code: 0, said: "" });
});
