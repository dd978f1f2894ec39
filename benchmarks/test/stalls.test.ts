import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STALLS = ["--import", "tsx", "benchmarks/stalls/main.ts"];

it("the stalls of the heart, of a server with sockets and of a bare one are measured", async () => {
  const args = [...STALLS, "--clients", "40", "--rounds", "1", "--only", "snapshot,leave,sockets", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  const { rows } = JSON.parse(stdout) as {
    rows: { name: string; rounds: { longestBlockMs: number; longestWorkMs: number; seconds: number }[] }[];
  };
  expect(rows.map(({ name }) => name)).toEqual([
    ...["snapshot", "leave", "sockets-update-lekt", "sockets-leave-lekt"],
    ...["sockets-update-bare", "sockets-leave-bare"],
  ]);
  for (const { rounds } of rows) {
    expect(rounds).toHaveLength(1);
    for (const { longestBlockMs, longestWorkMs, seconds } of rounds) {
      expect(longestBlockMs).toBeGreaterThan(0);
      expect(longestWorkMs).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThan(0);
    }
  }
}, 180_000);
