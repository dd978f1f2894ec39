/** A process for a server that is a module: `listen-process.ts URL HOST`. Tells its port by IPC. */
import { loadRival } from "./load-rival.ts";

const [url = "", host = ""] = process.argv.slice(2);
const { server } = await loadRival(url);
if (!("listen" in server)) throw new Error(`the server of ${url} is a program`);
process.on("disconnect", () => process.exit());
process.send?.({ port: await server.listen(host) });
