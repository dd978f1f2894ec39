import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { LektError, safeText } from "@lekt/protocol";
import type { Command } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { port } from "../flag-values.ts";
import { jsonLine } from "../json-line.ts";
import { couple } from "../peers/coupling.ts";
import { addPeerFlags, type PeerFlags, WHO_IS_CONNECTED } from "../peers/peer-flags.ts";
import { isIdentity } from "../peers/peer-gate.ts";
import { PeerRoom, pathText } from "../peers/peer-room.ts";
import { outputLines, type SpareLines } from "../spare-lines.ts";
import { FORWARD_LABEL, MAX_FORWARDED } from "./expose.ts";

type ForwardFlags = PeerFlags & { readonly from: string };

const EXAMPLES = `
The peer runs lekt expose. The port is open on this machine's loopback alone (127.0.0.1); 0: any free one.
${WHO_IS_CONNECTED}

Examples:
  lekt forward 25565 "$URL" --from games          then play at localhost:25565
  lekt forward 2222 "$URL" --from ada             then ssh -p 2222 localhost
  lekt forward 0 "$URL" --from ada --json         prints the port

Exit codes: 0 ended by SIGINT or SIGTERM; 2 wrong usage; 4 no server; 5 refused; 7 cannot listen.`;

export function addForward(program: Command): void {
  const command = program
    .command("forward")
    .summary("use a TCP service of a peer")
    .description("Opens a port on this machine that leads to the service which a peer exposes.")
    .argument("<local port>", "port on 127.0.0.1; 0: any free one", port)
    .argument("<url>", URL_HELP)
    .requiredOption("--from <peer>", "name or identity of the peer that exposes the service");
  addPeerFlags(command);
  command.addHelpText("after", EXAMPLES).action(forward);
}

async function forward(wantedPort: number, url: string, flags: ForwardFlags): Promise<void> {
  await using joined = await PeerRoom.joinUnlessStopped(url, flags, process.env);
  if (!joined) return;
  if (!isIdentity(flags.from)) joined.gate.throwIfShut();
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  server.maxConnections = MAX_FORWARDED;
  const lines = outputLines(flags.json === true);
  server.on("connection", (socket) => void lead(socket, joined, flags, lines));
  await listen(server, wantedPort);
  try {
    joined.noteIfAbsent(flags.from);
    const { port: opened } = server.address() as AddressInfo;
    lines.tell(
      flags.json
        ? jsonLine({ event: "forwarding", host: "127.0.0.1", port: opened, from: flags.from })
        : `127.0.0.1:${opened} leads to ${safeText(flags.from)}.\n`,
    );
    await joined.untilStopped();
  } finally {
    server.close();
  }
}

async function listen(server: Server, wantedPort: number): Promise<void> {
  server.listen(wantedPort, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const [errorCode, why] =
      code === "EADDRINUSE"
        ? (["LEKT_ADDRESS_IN_USE", "another program does already. Choose another port, or 0"] as const)
        : (["LEKT_LISTEN", `${code}. Choose another port, or 0`] as const);
    throw new LektError(errorCode, `Cannot listen on 127.0.0.1, port ${wantedPort}: ${why}.`, { cause });
  }
}

/** One connection; what fails is told, and costs no other one. */
async function lead(
  socket: Socket,
  joined: PeerRoom,
  { from, json }: ForwardFlags,
  lines: SpareLines,
): Promise<void> {
  socket.on("error", () => {});
  try {
    const stream = await joined.connect(from, { label: FORWARD_LABEL });
    if (json) lines.tell(jsonLine({ event: "connection", path: pathText(stream) }));
    else joined.note(`Connected to ${from}: ${pathText(stream)}.`);
    await couple(socket, stream);
  } catch (error) {
    // What the program here does to its end is its own affair.
    if (error instanceof LektError && !joined.stopped.aborted) joined.note(`${from}: ${error.message}`);
    socket.destroy();
  }
}
