import type { Peer, PeerStream } from "@lekt/client";
import { LektError } from "@lekt/protocol";
import type { Command } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { addPeerFlags, type PeerFlags, WHO_IS_CONNECTED } from "../peers/peer-flags.ts";
import { PeerRoom, pathText, peerText } from "../peers/peer-room.ts";
import { closeOf } from "../peers/stream-end.ts";

type PipeFlags = PeerFlags & { readonly to?: string };

const LABEL = "lekt/pipe";

const EXAMPLES = `
What comes on stdin goes to the peer, what the peer sends goes to stdout; each direction ends by itself: where stdin is a
terminal and stdout is none, with the peer's. Without --to, the first peer that connects is the one.
${WHO_IS_CONNECTED}

Examples:
  lekt pipe "$URL" > backup.tar                          wait for a peer, and keep what it sends
  tar c photos | lekt pipe "$URL" --to ada               … which is this
  lekt pipe "$URL" --to ada                              a conversation, line by line

Exit codes: 0 both directions ended; 1 no path, it broke, or was stopped; 2 wrong usage; 3 the peer did not come; 4 no server; 5 refused.`;

export function addPipe(program: Command): void {
  const command = program
    .command("pipe")
    .summary("stdin and stdout of two machines, joined")
    .description("Joins stdin and stdout with those of a peer.")
    .argument("<url>", URL_HELP)
    .option("--to <peer>", "name or identity of the peer; without it, wait for one");
  addPeerFlags(command);
  command.addHelpText("after", EXAMPLES).action(pipe);
}

async function pipe(url: string, flags: PipeFlags): Promise<void> {
  await using joined = await PeerRoom.join(url, flags, process.env);
  const stream =
    flags.to === undefined ? await firstPeer(joined) : await joined.connect(flags.to, { label: LABEL });
  const abort = () => stream.destroy();
  joined.stopped.addEventListener("abort", abort, { once: true });
  if (flags.to !== undefined) joined.note(`Connected to ${flags.to}: ${pathText(stream)}.`);
  process.stdin.pipe(stream);
  stream.pipe(process.stdout);
  if (process.stdin.isTTY && !process.stdout.isTTY) endWithPeer(stream);
  // stdout stays open: only the stream's two directions are waited for.
  await closeOf(stream).catch((cause) => {
    if (joined.stopped.aborted)
      throw new LektError("LEKT_ABORTED", "Stopped before both directions had ended.", { cause });
    if (cause instanceof LektError) throw cause;
    throw new LektError("LEKT_PATH", "The connection to the peer broke.", { cause });
  });
}

/** Nobody at the keyboard answers what goes into a file. */
function endWithPeer(stream: PeerStream): void {
  stream.once("end", () => {
    process.stdin.unpipe(stream);
    stream.end();
  });
}

/** @throws LektError `LEKT_ABORTED` and others, where the command is to end before anybody came */
async function firstPeer(joined: PeerRoom): Promise<PeerStream> {
  joined.gate.throwIfShut();
  joined.note("Waiting for a peer.");
  return new Promise((resolve, reject) => {
    const stopped = new LektError("LEKT_ABORTED", "Stopped before a peer came.");
    joined.untilStopped().then(() => reject(stopped), reject);
    const stop = joined.onConnection(LABEL, (stream: PeerStream, peer: Peer | undefined) => {
      stop();
      joined.note(`${peerText(stream, peer)} is here.`);
      resolve(stream);
    });
  });
}
