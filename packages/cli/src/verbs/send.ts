import { LektError } from "@lekt/protocol";
import type { Command } from "commander";
import { FILES_LABEL } from "../files/file-messages.ts";
import { sendFiles } from "../files/file-sender.ts";
import { outgoingFiles } from "../files/outgoing-files.ts";
import { sizeText } from "../files/size-text.ts";
import { lackOf, type ReceivedEvent, type TransferResult } from "../files/transfer-event.ts";
import { TransferReport } from "../files/transfer-report.ts";
import { jsonLine } from "../json-line.ts";
import { addPeerFlags, type PeerFlags, WHO_IS_CONNECTED } from "../peers/peer-flags.ts";
import { PeerRoom, pathText } from "../peers/peer-room.ts";
import { outputLines } from "../spare-lines.ts";

type SendFlags = PeerFlags & { readonly to: string };

const EXAMPLES = `
The peer runs lekt receive. Folders are sent with all that is in them, without symbolic links and empty folders. After a
break send the same again: it goes on where it stopped, and what is there already is not sent twice.
${WHO_IS_CONNECTED}

Examples:
  lekt send photo.jpg "$URL" --to ada
  lekt send photos notes.txt "$URL" --to ada --json
  lekt send backup.tar lekt://example.org/lan --to 4k7q-0x2m-9h3c-t8vb-e5wz

Exit codes: 0 the peer has it all, checksums are right; 1 not all, or it broke; 2 wrong usage; 3 the peer did not come;
4 no server; 5 refused.`;

export function addSend(program: Command): void {
  const command = program
    .command("send")
    .summary("files and folders to a peer")
    .description("Sends files and folders to a peer.")
    .usage("[options] <file...> <url>")
    .argument("<file...>", "files and folders; behind them the URL: lekt://host[:port][/network][#key=…]")
    .requiredOption("--to <peer>", "name or identity of the peer");
  addPeerFlags(command);
  command.addHelpText("after", EXAMPLES).action(send);
}

async function send(filesAndUrl: readonly string[], flags: SendFlags): Promise<void> {
  const sources = filesAndUrl.slice(0, -1);
  const url = filesAndUrl.at(-1) as string;
  if (sources.length === 0) {
    throw new LektError("LEKT_OPTION", "Give the files first, and the URL behind them: lekt send FILE… URL.");
  }
  const { files, skipped } = await outgoingFiles(sources);
  await using joined = await PeerRoom.join(url, flags, process.env);
  for (const source of skipped) joined.note(`${source} is left out: it is neither a file nor a folder.`);
  const stream = await joined.connect(flags.to, { label: FILES_LABEL });
  joined.stopped.addEventListener("abort", () => stream.destroy(), { once: true });
  const json = flags.json === true;
  const path = pathText(stream);
  const lines = outputLines(json, joined.stopped);
  if (json) lines.tell(jsonLine({ event: "connected", to: flags.to, path, files: files.length }));
  else joined.note(`Connected to ${flags.to}: ${path}.`);
  const report = new TransferReport({ json, lines, note: joined.note, facts: {}, received: sentText });
  let result: TransferResult;
  try {
    result = await sendFiles(stream, files, (event) => report.tell(event));
  } catch (error) {
    throw breakOf(error, joined.stopped.aborted);
  } finally {
    report.clear();
  }
  throwIfIncomplete(result);
}

function sentText({ name, storedAs, size, already }: ReceivedEvent): string {
  const as = storedAs === name ? "" : `, stored as ${storedAs}`;
  return `${name}: ${already ? "was there already" : `sent, ${sizeText(size)}`}${as}`;
}

const GO_ON = "send the same again, and it goes on where it stopped";

function breakOf(error: unknown, isStopped: boolean): unknown {
  if (isStopped)
    return new LektError("LEKT_ABORTED", `Stopped before all was sent: ${GO_ON}.`, { cause: error });
  if (!(error instanceof LektError) || error.code !== "LEKT_PATH") return error;
  const reason = error.message.replace(/\.$/, "");
  return new LektError("LEKT_TRANSFER", `${reason}: ${GO_ON}.`, { cause: error });
}

/** @throws LektError `LEKT_TRANSFER` */
export function throwIfIncomplete(result: TransferResult): void {
  const lack = lackOf(result);
  if (lack !== undefined) throw new LektError("LEKT_TRANSFER", lack);
}
