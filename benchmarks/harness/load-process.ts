/** A process that plays members: what the main process says by IPC, carried out. */
import { Crowd } from "./crowd.ts";
import type { LoadDone, LoadReport, LoadRequest, LoadTask } from "./load-messages.ts";
import { loadRival } from "./load-rival.ts";

const PROGRESS_MS = 250;

let crowd: Crowd | undefined;

function report(message: LoadReport): void {
  // Where the main process is gone, this one is about to go too.
  process.send?.(message, undefined, undefined, () => {});
}

async function carryOut(task: LoadTask): Promise<LoadDone> {
  if (task.do === "start") {
    crowd = new Crowd(await loadRival(task.rival), task.server, task.share);
    return {};
  }
  if (!crowd) throw new Error("nothing was started");
  switch (task.do) {
    case "join":
      await crowd.join(task.first, task.count);
      break;
    case "leave":
      crowd.leave(task.numbers);
      break;
    case "churn":
      return { latenciesUs: await crowd.churn(task.churn) };
    case "converge": {
      const atUs = await crowd.converged();
      return { atUs, learned: crowd.state.learned };
    }
    case "shortfall":
      return { shortfall: crowd.shortfall() };
  }
  return {};
}

process.on("message", ({ id, task }: LoadRequest) => {
  const wrong = (why: string) => report({ type: "wrong", id, why });
  carryOut(task).then(
    (done) => (crowd?.fault === undefined ? report({ type: "done", id, done }) : wrong(crowd.fault)),
    (error: unknown) => wrong(error instanceof Error ? error.message : String(error)),
  );
});
process.on("disconnect", () => process.exit());
setInterval(() => {
  if (crowd) report({ type: "progress", state: crowd.state, fault: crowd.fault });
}, PROGRESS_MS).unref();
report({ type: "ready" });
