/** The server in the middle, with its relay and its STUN responders, as a process in its own namespace. */

import { DEFAULT_PORT } from "@lekt/protocol";
import { createServer } from "@lekt/server";

const server = createServer({ port: DEFAULT_PORT });
await server.listen();
process.on("disconnect", () => process.exit());
process.send?.("ready");
