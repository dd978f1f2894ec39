/** The server in the middle, with its relay and its STUN responders. */
import { createServer } from "@lekt/server";
import { serveTasks } from "../harness/tasks.ts";

/** Answer: the port. */
export interface ServerTask {
  readonly do: "listen";
  /** Default: all addresses of the machine. */
  readonly host?: string;
}

serveTasks(async ({ host }: ServerTask) => {
  const server = createServer({ port: 0, ...(host !== undefined && { host }) });
  await server.listen();
  return server.address?.port;
});
