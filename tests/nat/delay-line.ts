import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Namespaces } from "./namespaces.ts";

const PROGRAM = fileURLToPath(new URL("delay-line.py", import.meta.url));
const TUN = "/dev/net/tun";

/** Why there can be no lines with a delay; undefined where there can. Many kernels come without one of their own. */
export function delayObstacle(): string | undefined {
  if (!existsSync(TUN)) return `${TUN}, of which a delay is made, is not there`;
  const { error } = spawnSync("python3", ["--version"]);
  return error && "python3, of which a delay is made, is not installed";
}

/** Connects two nodes by interfaces that it makes. @param delayMs in each direction */
export async function layDelayLine(
  namespaces: Namespaces,
  [node, port, far, farPort]: readonly [string, string, string, string],
  delayMs: number,
): Promise<void> {
  const { stderr } = namespaces.start(node, ["python3", PROGRAM, port, farPort, `${delayMs}`], "stderr");
  if (stderr === null) throw new Error("the delay line cannot be listened to");
  const lines = createInterface(stderr);
  let said = "";
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      said += `${line}\n`;
      if (line === "ready") resolve();
    });
    lines.on("close", () => reject(new Error(`the delay line ended:\n${said}`)));
  });
  await namespaces.ip([`link set ${farPort} netns ${namespaces.fullName(far)}`], node);
}
