import { Worker } from "../harness/tasks.ts";
import type { Round } from "./heart-scenes.ts";
import type { LoadTask } from "./load-process.ts";
import type { ServerTask } from "./server-process.ts";
import type { Stalls } from "./stall-meter.ts";

export type ServerKind = "lekt" | "bare";

/** What is done to a server with sockets, each round by clients of a fresh process. */
export interface SocketRounds {
  readonly update: readonly Round[];
  readonly leave: readonly Round[];
}

export async function playWithSockets(
  kind: ServerKind,
  clients: number,
  rounds: number,
): Promise<SocketRounds> {
  const server = await Worker.start<ServerTask>("../stalls/server-process.ts", [kind]);
  const update: Round[] = [];
  const leave: Round[] = [];
  try {
    const port = await server.do<number>({ do: "listen" });
    for (let round = 0; round < rounds; round++) {
      const load = await Worker.start<LoadTask>("../stalls/load-process.ts");
      try {
        await load.do({ do: "join", kind, port, clients });
        update.push(await measured(server, () => load.do({ do: "update" })));
        leave.push(
          await measured(server, async () => {
            // The system closes all its connections.
            await load.kill();
            await server.do({ do: "wait until empty" });
          }),
        );
      } finally {
        await load.kill();
      }
    }
  } finally {
    await server.kill();
  }
  return { update, leave };
}

async function measured(server: Worker<ServerTask>, act: () => Promise<unknown>): Promise<Round> {
  await server.do({ do: "watch" });
  const sinceMs = performance.now();
  await act();
  const seconds = (performance.now() - sinceMs) / 1_000;
  return { ...(await server.do<Stalls>({ do: "report" })), seconds };
}
