/** What a benchmark and its processes say to each other: a task, and its answer. */
import type { ChildProcess } from "node:child_process";
import { forkModule, killed, watched } from "./child.ts";

type Answer = { readonly done: unknown } | { readonly fault: string };

/** In a process that does what it is told, one task after the other. */
export function serveTasks<Task>(carryOut: (task: Task) => Promise<unknown>): void {
  const answer = (message: Answer) => process.send?.(message, undefined, undefined, () => {});
  process.on("message", (task: Task) => {
    carryOut(task).then(
      (done) => answer({ done }),
      (error: unknown) => answer({ fault: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
  answer({ done: "ready" });
}

const LIMIT_MS = 120_000;

/** Such a process, as its parent sees it. */
export class Worker<Task> {
  readonly #child: ChildProcess;
  readonly #module: string;

  private constructor(child: ChildProcess, module: string) {
    this.#child = child;
    this.#module = module;
  }

  /** @param module by its path from here. */
  static start<Task>(module: string, args: readonly string[] = []): Promise<Worker<Task>> {
    return Worker.in(forkModule(module, args), module);
  }

  /** In a child that was just started elsewhere. */
  static async in<Task>(child: ChildProcess, module: string): Promise<Worker<Task>> {
    const worker = new Worker<Task>(watched(child), module);
    await worker.#answer();
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async do<Done>(task: Task): Promise<Done> {
    const answer = this.#answer();
    this.#child.send(task as object);
    return (await answer) as Done;
  }

  /** At once, with all its connections. */
  async kill(): Promise<void> {
    await killed(this.#child);
  }

  #answer(): Promise<unknown> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        clearTimeout(timer);
        child.off("message", onMessage);
        child.off("exit", onExit);
        then();
      };
      const fail = (why: string) => settle(() => reject(new Error(`${this.#module} ${why}`)));
      const onExit = (code: number | null) => fail(`ended with exit code ${code}`);
      const onMessage = (answer: Answer) => {
        if ("fault" in answer) fail(`failed: ${answer.fault}`);
        else settle(() => resolve(answer.done));
      };
      const timer = setTimeout(() => {
        fail(`did not get done within ${LIMIT_MS / 1_000} s`);
        void killed(child);
      }, LIMIT_MS);
      child.once("message", onMessage);
      child.once("exit", onExit);
    });
  }
}
