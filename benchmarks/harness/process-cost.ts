import { readdir, readFile } from "node:fs/promises";

/** What all threads of a process have computed so far, the work of the kernel for it included. */
export async function cpuSeconds(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const thread of await readdir(tasks)) {
    // A thread may end meanwhile.
    const text = await readFile(`${tasks}/${thread}/schedstat`, "utf8").catch(() => "0");
    nanoseconds += Number(text.split(" ")[0]);
  }
  return nanoseconds / 1e9;
}

/** Its resident memory. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return Number(kilobytes) * 1_024;
}

export async function sumOf(
  pids: readonly number[],
  cost: (pid: number) => Promise<number>,
): Promise<number> {
  const costs = await Promise.all(pids.map(cost));
  return costs.reduce((sum, one) => sum + one, 0);
}
