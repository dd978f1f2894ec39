import type { ChildProcess } from "node:child_process";
import { forkModule, killed } from "./child.ts";
import type { CrowdState } from "./crowd.ts";
import type { LoadDone, LoadReport, LoadTask } from "./load-messages.ts";
import type { ServerAddress } from "./rival.ts";

/** A roster was wrong, or a connection failed: what was measured means nothing. */
export class WrongRun extends Error {}

/** It would take longer than it may. */
export class TooSlow extends Error {}

/** All load processes of a run. */
export class Load {
  readonly #processes: readonly LoadProcess[];

  constructor(processes: number) {
    this.#processes = Array.from({ length: processes }, () => new LoadProcess());
  }

  async start(rival: string, server: ServerAddress): Promise<void> {
    const of = this.#processes.length;
    await Promise.all(
      this.#processes.map(async (process, index) => {
        await process.ready;
        await process.do({ do: "start", rival, server, share: { index, of } });
      }),
    );
  }

  get pids(): readonly number[] {
    return this.#processes.map(({ pid }) => pid);
  }

  get state(): CrowdState {
    const sum = { joined: 0, complete: 0, learned: 0, forgotten: 0 };
    for (const { state } of this.#processes) {
      sum.joined += state.joined;
      sum.complete += state.complete;
      sum.learned += state.learned;
      sum.forgotten += state.forgotten;
    }
    return sum;
  }

  /** @throws WrongRun, or TooSlow where it takes longer than `limitMs`. */
  async do(task: LoadTask, limitMs: number): Promise<readonly LoadDone[]> {
    const answers = Promise.all(this.#processes.map((process) => process.do(task)));
    let timer: NodeJS.Timeout | undefined;
    const tooSlow = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TooSlow(`not within ${limitMs / 1_000} s`)), limitMs);
    });
    try {
      return await Promise.race([answers, tooSlow]);
    } finally {
      clearTimeout(timer);
      answers.catch(() => {});
    }
  }

  /** Why it did not converge, as a sentence. */
  async shortfall(): Promise<string> {
    const answers = await this.do({ do: "shortfall" }, 2_000).catch(() => []);
    return answers.find(({ shortfall }) => shortfall)?.shortfall ?? "";
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
  }
}

class LoadProcess {
  readonly ready: Promise<unknown>;
  state: CrowdState = { joined: 0, complete: 0, learned: 0, forgotten: 0 };
  readonly #child: ChildProcess = forkModule("load-process.ts");
  readonly #waiting = new Map<
    number,
    { readonly resolve: (done: LoadDone) => void; readonly reject: (error: Error) => void }
  >();
  #lastId = 0;

  constructor() {
    this.ready = new Promise((resolve, reject) => {
      this.#child.once("message", resolve);
      this.#child.once("exit", () => reject(new Error("a load process ended")));
    });
    // Where nobody waits for it any more, as the server did not start.
    this.ready.catch(() => {});
    this.#child.on("message", (report: LoadReport) => this.#receive(report));
    this.#child.once("exit", () => this.#fail("a load process ended"));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  do(task: LoadTask): Promise<LoadDone> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, task });
    });
  }

  async stop(): Promise<void> {
    await killed(this.#child);
  }

  #receive(report: LoadReport): void {
    if (report.type === "progress") {
      this.state = report.state;
      if (report.fault !== undefined) this.#fail(report.fault);
    } else if (report.type !== "ready") {
      const waiting = this.#waiting.get(report.id);
      this.#waiting.delete(report.id);
      if (report.type === "done") waiting?.resolve(report.done);
      else waiting?.reject(new WrongRun(report.why));
    }
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new WrongRun(why));
    this.#waiting.clear();
  }
}
