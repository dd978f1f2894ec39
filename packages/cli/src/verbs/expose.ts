import { connect as connectTcp } from "node:net";
import type { PeerStream } from "@lekt/client";
import { LektError } from "@lekt/protocol";
import type { Command } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { jsonLine } from "../json-line.ts";
import { atMost } from "../peers/connection-limit.ts";
import { couple } from "../peers/coupling.ts";
import { addPeerFlags, type PeerFlags, WHO_IS_CONNECTED } from "../peers/peer-flags.ts";
import { PeerRoom, pathText, peerText } from "../peers/peer-room.ts";
import { outputLines } from "../spare-lines.ts";

/** What `lekt forward` speaks: the bytes of one TCP connection. */
export const FORWARD_LABEL = "lekt/forward";
/** Connections of all peers at once. */
export const MAX_FORWARDED = 256;

const EXAMPLES = `
The peers run lekt forward. The service sees connections that come from this machine.
${WHO_IS_CONNECTED}

Examples:
  lekt expose localhost:25565 "$URL" --name games        a game server for friends
  lekt expose 192.168.1.10:22 "$URL"                     ssh of another machine in this network
  lekt expose localhost:8080 lekt://example.org/lan --allow 4k7q-0x2m-9h3c-t8vb-e5wz

Exit codes: 0 ended by SIGINT or SIGTERM; 2 wrong usage; 4 no server; 5 refused.`;

export function addExpose(program: Command): void {
  const command = program
    .command("expose")
    .summary("let peers use a TCP service of this machine")
    .description("Lets peers use a TCP service of this machine, or of one that it reaches.")
    .argument("<host:port>", "the service; IPv6 in brackets: [::1]:8080")
    .argument("<url>", URL_HELP);
  addPeerFlags(command);
  command.addHelpText("after", EXAMPLES).action(expose);
}

async function expose(service: string, url: string, flags: PeerFlags): Promise<void> {
  const target = targetOf(service);
  await using joined = await PeerRoom.joinUnlessStopped(url, flags, process.env);
  if (!joined) return;
  joined.gate.throwIfShut();
  const json = flags.json === true;
  const lines = outputLines(json);
  const tell = (who: string, path: string) =>
    lines.tell(json ? jsonLine({ event: "connection", peer: who, path }) : `${who}: ${path}\n`);
  joined.onConnection(
    FORWARD_LABEL,
    atMost(
      MAX_FORWARDED,
      (stream, peer) => {
        const who = peerText(stream, peer);
        tell(who, pathText(stream));
        void serve(joined, stream, target, who);
      },
      (stream, peer) =>
        joined.note(`${peerText(stream, peer)}: refused, as ${MAX_FORWARDED} connections are open.`),
    ),
  );
  lines.tell(json ? jsonLine({ event: "exposed", service }) : `${service} is exposed.\n`);
  await joined.untilStopped();
}

interface Target {
  readonly host: string;
  readonly port: number;
}

function targetOf(service: string): Target {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(service);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw new LektError("LEKT_OPTION", `'${service}' is no HOST:PORT. An example: localhost:8080.`);
}

async function serve(joined: PeerRoom, stream: PeerStream, target: Target, who: string): Promise<void> {
  const socket = connectTcp({ ...target, allowHalfOpen: true, noDelay: true });
  let isConnected = false;
  socket.once("connect", () => {
    isConnected = true;
  });
  const fail = (error: NodeJS.ErrnoException) => {
    if (!isConnected) {
      joined.note(`${who}: ${target.host}:${target.port} does not answer (${error.code ?? error.message}).`);
    }
  };
  socket.on("error", fail);
  await couple(socket, stream).catch(() => {});
}
