import { LektError, safeText, toHex } from "@lekt/protocol";
import { type Command, Option } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { DropFolder } from "../files/drop-folder.ts";
import { FILES_LABEL } from "../files/file-messages.ts";
import { RECEIVE_LIMITS } from "../files/file-receiver.ts";
import { type Outcome, Reception, type ReceptionOptions } from "../files/reception.ts";
import { wholeNumber } from "../flag-values.ts";
import { jsonLine } from "../json-line.ts";
import { write } from "../output.ts";
import { addPeerFlags, type PeerFlags, WHO_IS_CONNECTED } from "../peers/peer-flags.ts";
import { PeerRoom, pathText, peerText } from "../peers/peer-room.ts";
import { throwIfIncomplete } from "./send.ts";

type ReceiveFlags = PeerFlags & ReceptionOptions & { readonly dir?: string };

const EXAMPLES = `
Nothing is overwritten: a second photo.jpg becomes "photo (2).jpg", a second folder photos becomes photos-2, so that nobody
adds to folders that are there. Nothing is written outside of the folder, nothing is executable, and .bashrc becomes _bashrc.
A file has its name once its checksum is right; until then, and after a break, it is NAME.….lekt-part.
${WHO_IS_CONNECTED}

Examples:
  lekt receive "$URL" --dir inbox                        until Ctrl-C
  lekt receive "$URL" --dir inbox --once --json          one transfer, for a script
  lekt receive lekt://example.org/lan --dir inbox --allow 4k7q-0x2m-9h3c-t8vb-e5wz

Exit codes: 0 ended by SIGINT or SIGTERM, or --once: all is here; 1 with --once: not all; 2 wrong usage; 4 no server;
5 refused.`;

export function addReceive(program: Command): void {
  const { maxBytes, maxFiles } = RECEIVE_LIMITS;
  const command = program
    .command("receive")
    .summary("files that peers send")
    .description("Receives the files that peers send, until it is stopped.")
    .argument("<url>", URL_HELP)
    .option("--dir <folder>", "where they go; made where it is not there (default: the current folder)")
    .option("--once", "end after one transfer")
    .addOption(
      new Option("--max-bytes <number>", `bytes of one transfer (default: ${maxBytes})`).argParser(
        wholeNumber(0, Number.MAX_SAFE_INTEGER),
      ),
    )
    .addOption(
      new Option("--max-files <number>", `files of one transfer (default: ${maxFiles})`).argParser(
        wholeNumber(1, 1_000_000),
      ),
    );
  addPeerFlags(command);
  command.addHelpText("after", EXAMPLES).action(receive);
}

async function receive(url: string, flags: ReceiveFlags): Promise<void> {
  const folder = await DropFolder.open(flags.dir ?? ".");
  await using joined = await (flags.once
    ? PeerRoom.join(url, flags, process.env)
    : PeerRoom.joinUnlessStopped(url, flags, process.env));
  if (!joined) return;
  joined.gate.throwIfShut();
  const reception = new Reception(folder, flags, joined.note);
  const firstTransfer = new Promise<Outcome>((resolve) => {
    const stop = joined.onConnection(FILES_LABEL, (stream, peer) => {
      if (flags.once) stop();
      const sender = { identity: toHex(stream.identity), text: peerText(stream, peer) };
      const transfer = reception.take(stream, sender, pathText(stream));
      if (flags.once) resolve(transfer);
    });
  });
  await write(
    flags.json ? jsonLine({ event: "ready", dir: folder.path }) : `Files go to ${safeText(folder.path)}.\n`,
    joined.stopped,
  );
  let outcome: Outcome | undefined;
  try {
    outcome = await Promise.race([firstTransfer, joined.untilStopped()]);
  } finally {
    await reception.end();
  }
  if (!flags.once) return;
  if (!outcome) throw new LektError("LEKT_ABORTED", "Stopped before a transfer was complete.");
  if (outcome instanceof LektError) throw outcome;
  throwIfIncomplete(outcome);
}
