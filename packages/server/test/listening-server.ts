import { onTestFinished } from "vitest";
import { createServer, type LektServer } from "../src/create-server.ts";
import type { ServerOptions } from "../src/options.ts";

/** Limits that do not come into the way of tests, where everybody comes from one machine. */
const OPEN_DOORS = { maxConnectionsPerSecond: 100_000, maxClientsPerAddress: 100_000 };

/** A server for this test, on a port that was free. */
export async function listening(options: ServerOptions = {}): Promise<{ server: LektServer; port: number }> {
  const server = createServer({ host: "127.0.0.1", port: 0, ...OPEN_DOORS, ...options });
  onTestFinished(() => server.close());
  await server.listen();
  return { server, port: server.address?.port ?? 0 };
}
