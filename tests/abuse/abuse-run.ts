import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ServerOptions } from "@lekt/server";
import type { Strain } from "./figures.ts";
import type { Attack, Findings, Order, Scale } from "./ground.ts";
import { type Quantiles, quantilesOf } from "./latencies.ts";
import { Line } from "./line.ts";
import { RESIDENTS, Residents } from "./residents.ts";

const NETWORK = "residents";
/** What the server's process may need at its worst, ten thousand connections included. */
const MAX_RSS_BYTES = 768 * 2 ** 20;

/** Addresses that an attack may use. */
const ADDRESSES_EACH = 8_192;

/** One row of the table: an attack, or quiet. */
export interface Row extends Findings {
  readonly name: string;
  readonly seconds: number;
  readonly joinMs: Quantiles;
  readonly leaveMs: Quantiles;
  readonly strain: Strain;
}

/** A server, an abuser and well-behaved clients: three processes, of which this one has the well-behaved. */
export class AbuseRun {
  readonly #children: readonly ChildProcess[];
  readonly #server: Line;
  readonly #abuser: Line;
  readonly #port: number;
  readonly #residents: Residents;
  #attacks = 0;

  private constructor(
    children: readonly ChildProcess[],
    server: Line,
    abuser: Line,
    port: number,
    residents: Residents,
  ) {
    this.#children = children;
    this.#server = server;
    this.#abuser = abuser;
    this.#port = port;
    this.#residents = residents;
  }

  static async start(options: ServerOptions): Promise<AbuseRun> {
    const serverOptions = JSON.stringify({ host: "127.0.0.1", port: 0, ...options });
    const children = [start("server-process.ts", [serverOptions]), start("abuser-process.ts", [])] as const;
    await Promise.all(children.map((child) => once(child, "message")));
    const server = new Line(children[0], () => undefined);
    const abuser = new Line(children[1], (question) => server.ask(question));
    const port = await server.ask<number>("port");
    const residents = await Residents.moveIn(`lekt://127.0.0.1:${port}/${NETWORK}`);
    return new AbuseRun(children, server, abuser, port, residents);
  }

  /** The well-behaved alone. */
  quiet(seconds: number): Promise<Row> {
    return this.#row("quiet", new Promise((resolve) => setTimeout(resolve, 1_000 * seconds, nothingFound())));
  }

  attack({ name }: Attack, scale: Scale): Promise<Row> {
    const order: Order = {
      attack: name,
      port: this.#port,
      network: NETWORK,
      wellBehaved: RESIDENTS + 1,
      scale,
      firstAddress: ADDRESSES_EACH * this.#attacks++,
    };
    return this.#row(name, this.#abuser.ask<Findings>(order));
  }

  async stop(): Promise<void> {
    await this.#residents.moveOut();
    for (const child of this.#children.filter(({ connected }) => connected)) {
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    }
  }

  async #row(name: string, happening: Promise<Findings>): Promise<Row> {
    await this.#server.ask("strain");
    const startMs = performance.now();
    let isOver = false;
    const ended = happening.finally(() => {
      isOver = true;
    });
    const [findings, stretch] = await Promise.all([ended, this.#residents.live(() => isOver)]);
    const seconds = (performance.now() - startMs) / 1_000;
    const strain = await this.#server.ask<Strain>("strain");
    const faults = [...findings.faults, ...stretch.faults];
    if (strain.peakRssBytes > MAX_RSS_BYTES) faults.push(`the server needed ${strain.peakRssBytes} bytes`);
    return {
      name,
      seconds,
      notes: findings.notes,
      faults,
      joinMs: quantilesOf(stretch.joinMs),
      leaveMs: quantilesOf(stretch.leaveMs),
      strain,
    };
  }
}

function nothingFound(): Findings {
  return { notes: {}, faults: [] };
}

function start(file: string, args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return fork(path, args, { execArgv: ["--expose-gc", "--import", "tsx"] });
}
