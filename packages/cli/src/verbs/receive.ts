import type { PeerStream } from "@lekt/client";
import { LektError, safeText } from "@lekt/protocol";
import { type Command, Option } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { DropFolder } from "../files/drop-folder.ts";
import { FILES_LABEL } from "../files/file-messages.ts";
import { RECEIVE_LIMITS, type ReceiveLimits, receiveFiles } from "../files/file-receiver.ts";
import { sizeText } from "../files/size-text.ts";
import type { TransferResult } from "../files/transfer-event.ts";
import { TransferReport } from "../files/transfer-report.ts";
import { wholeNumber } from "../flag-values.ts";
import { jsonLine } from "../json-line.ts";
import { write } from "../output.ts";
import { type Note, noter } from "../peers/notes.ts";
import { addPeerFlags, type PeerFlags, WHO_IS_LET_IN } from "../peers/peer-flags.ts";
import { PeerRoom, pathText, peerText } from "../peers/peer-room.ts";
import { throwIfIncomplete } from "./send.ts";

type ReceiveFlags = PeerFlags & {
  readonly dir?: string;
  readonly once?: true;
  readonly maxBytes?: number;
  readonly maxFiles?: number;
};

/** Transfers at once; further ones are closed. */
export const MAX_TRANSFERS = 16;

const EXAMPLES = `
Nothing is overwritten: a second photo.jpg becomes "photo (2).jpg". Nothing is written outside of the folder. A file has
its name once its checksum is right; until then, and after a break, it is NAME.….lekt-part.
${WHO_IS_LET_IN}

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
  await using joined = await PeerRoom.join(url, flags, process.env);
  joined.gate.throwIfShut();
  const reception = new Reception(folder, flags);
  const firstTransfer = new Promise<Outcome | undefined>((resolve) => {
    joined.stopped.addEventListener("abort", () => resolve(undefined), { once: true });
    const stop = joined.onConnection(FILES_LABEL, (stream, peer) => {
      if (flags.once) stop();
      const transfer = reception.take(stream, peerText(stream, peer));
      if (flags.once) resolve(transfer);
    });
  });
  await write(
    flags.json ? jsonLine({ event: "ready", dir: folder.path }) : `Files go to ${safeText(folder.path)}.\n`,
  );
  const outcome = await firstTransfer;
  await reception.end();
  if (!flags.once) return;
  if (!outcome) throw new LektError("LEKT_ABORTED", "Stopped before a transfer was complete.");
  if (outcome instanceof LektError) throw outcome;
  throwIfIncomplete(outcome);
}

/** A transfer came to its end, or broke. */
type Outcome = TransferResult | LektError;

/** All transfers to this machine. */
class Reception {
  readonly #folder: DropFolder;
  readonly #limits: ReceiveLimits;
  readonly #json: boolean;
  readonly #note: Note;
  readonly #once: boolean;
  readonly #open = new Map<PeerStream, Promise<Outcome>>();

  constructor(folder: DropFolder, { json, once, maxBytes, maxFiles }: ReceiveFlags) {
    this.#folder = folder;
    this.#json = json === true;
    this.#note = noter(this.#json);
    this.#once = once === true;
    this.#limits = {
      ...RECEIVE_LIMITS,
      ...(maxBytes !== undefined && { maxBytes }),
      ...(maxFiles !== undefined && { maxFiles }),
    };
  }

  async take(stream: PeerStream, peer: string): Promise<Outcome> {
    if (this.#open.size >= MAX_TRANSFERS) {
      this.#note(`${peer}: refused, as ${MAX_TRANSFERS} transfers are under way.`);
      stream.destroy();
      return new LektError("LEKT_TRANSFER", `More than ${MAX_TRANSFERS} transfers at once.`);
    }
    const transfer = this.#receive(stream, peer);
    this.#open.set(stream, transfer);
    try {
      return await transfer;
    } finally {
      this.#open.delete(stream);
    }
  }

  /** Breaks off what is under way: it can be gone on with. */
  async end(): Promise<void> {
    for (const stream of this.#open.keys()) stream.destroy();
    await Promise.all(this.#open.values());
  }

  async #receive(stream: PeerStream, peer: string): Promise<Outcome> {
    const report = new TransferReport({
      json: this.#json,
      facts: { peer },
      received: ({ storedAs, size, already }) =>
        `${storedAs}: ${already ? "was here already" : sizeText(size)}, from ${peer}`,
    });
    await this.#event({ event: "connected", peer, path: pathText(stream) });
    try {
      const result = await receiveFiles(stream, this.#folder, this.#limits, (event) => report.tell(event));
      await this.#event({ event: "done", peer, received: result.done, failed: result.failed });
      return result;
    } catch (error) {
      if (!(error instanceof LektError)) throw error;
      report.clear();
      await this.#event({ event: "broken", peer, code: error.code, reason: error.message });
      // With --once this is how the command ends.
      if (!this.#json && !this.#once) this.#note(`${peer}: ${error.message} What came of a file is kept.`);
      return error;
    } finally {
      stream.destroy();
    }
  }

  async #event(line: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#json) await write(jsonLine(line));
  }
}
