import { NatLab } from "../../tests/nat/nat-lab.ts";
import type { RouterKind } from "../../tests/nat/router-rules.ts";
import { SERVER_ADDRESSES, type Site } from "../../tests/nat/topology.ts";
import { Worker } from "../harness/tasks.ts";
import type { EndTask } from "./end-process.ts";
import type { ServerTask } from "./server-process.ts";

type Side = "near" | "far";

/** A router of tests/nat, or none. */
export type Router = RouterKind | undefined;

/** An end, as a process. */
interface End {
  readonly worker: Worker<EndTask>;
  /** Where it listens for what is raw. */
  readonly address: string;
}

/** Two ends behind all the routers that are wanted, and a server in the middle. */
export interface Place {
  readonly roundTripMs: number;
  /** host:port */
  readonly server: string;
  /** Started when it is needed first. */
  end(side: Side, router: Router): Promise<End>;
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";

/** No delay and no routers. */
export async function loopbackPlace(): Promise<Place> {
  const server = await Worker.start<ServerTask>("../connect/server-process.ts");
  const port = await server.do<number>({ do: "listen", host: LOOPBACK });
  const ends = new Ends(() => Worker.start<EndTask>("../connect/end-process.ts"));
  return {
    roundTripMs: 0,
    server: `${LOOPBACK}:${port}`,
    end: async (side) => ({ worker: await ends.end(side), address: LOOPBACK }),
    close: async () => {
      await ends.kill();
      await server.kill();
    },
  };
}

/**
 * Network namespaces: the server is half-way between the ends.
 * @throws Error that says what is missing, where there can be none
 */
export async function labPlace(roundTripMs: number, routers: readonly Router[]): Promise<Place> {
  const siteOf = (side: Side, router: Router) => `${side}${router ?? ""}`;
  const sites = routers.flatMap((router): [string, Site][] =>
    (["near", "far"] as const).map((side) => [siteOf(side, router), { routers: router ? [router] : [] }]),
  );
  const lab = await NatLab.build(Object.fromEntries(sites), { lineDelayMs: roundTripMs / 4 });
  const module = (name: string) => new URL(name, import.meta.url).href;
  try {
    const child = lab.internet.fork(module("server-process.ts"));
    const server = await Worker.in<ServerTask>(child, "the server");
    const port = await server.do<number>({ do: "listen" });
    const ends = new Ends((site) => Worker.in(lab.host(site).fork(module("end-process.ts")), site));
    return {
      roundTripMs,
      server: `${SERVER_ADDRESSES[0]}:${port}`,
      end: async (side, router) => {
        const site = siteOf(side, router);
        return { worker: await ends.end(site), address: lab.host(site).address };
      },
      close: () => lab.close(),
    };
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** By name, each started once. */
class Ends {
  readonly #start: (name: string) => Promise<Worker<EndTask>>;
  readonly #started = new Map<string, Promise<Worker<EndTask>>>();

  constructor(start: (name: string) => Promise<Worker<EndTask>>) {
    this.#start = start;
  }

  end(name: string): Promise<Worker<EndTask>> {
    const end = this.#started.get(name) ?? this.#start(name);
    this.#started.set(name, end);
    return end;
  }

  async kill(): Promise<void> {
    for (const end of this.#started.values()) await (await end).kill();
  }
}
