import type { Duplex } from "node:stream";
import { LektError } from "@lekt/protocol";
import { jsonLine } from "../json-line.ts";
import { outputLines, type SpareLines } from "../spare-lines.ts";
import { Delivery } from "./delivery.ts";
import type { DropFolder } from "./drop-folder.ts";
import { RECEIVE_LIMITS, type ReceiveLimits, receiveFiles } from "./file-receiver.ts";
import { sizeText } from "./size-text.ts";
import { lackOf, type ReceivedEvent, type TransferResult } from "./transfer-event.ts";
import { TransferReport } from "./transfer-report.ts";

/** Transfers at once; further ones are closed. */
export const MAX_TRANSFERS = 16;

export interface ReceptionOptions {
  readonly json?: true;
  /** The command ends with the first transfer, and tells itself what became of it. */
  readonly once?: true;
  readonly maxBytes?: number;
  readonly maxFiles?: number;
}

/** A transfer came to its end, or broke. */
export type Outcome = TransferResult | LektError;

export interface Sender {
  /** 64 hex digits. */
  readonly identity: string;
  /** For people. */
  readonly text: string;
}

/** All transfers to this machine. */
export class Reception {
  readonly #folder: DropFolder;
  readonly #limits: ReceiveLimits;
  readonly #json: boolean;
  readonly #once: boolean;
  readonly #note: (text: string) => void;
  readonly #open = new Map<Duplex, Promise<Outcome>>();
  readonly #ending = new AbortController();
  readonly #lines: SpareLines;

  /** @param note tells people, beside the output. */
  constructor(
    folder: DropFolder,
    { json, once, maxBytes, maxFiles }: ReceptionOptions,
    note: (text: string) => void,
  ) {
    this.#folder = folder;
    this.#note = note;
    this.#json = json === true;
    this.#lines = outputLines(this.#json, this.#ending.signal);
    this.#once = once === true;
    this.#limits = {
      ...RECEIVE_LIMITS,
      ...(maxBytes !== undefined && { maxBytes }),
      ...(maxFiles !== undefined && { maxFiles }),
    };
  }

  async take(stream: Duplex, sender: Sender, path: string): Promise<Outcome> {
    if (this.#open.size >= MAX_TRANSFERS) {
      this.#note(`${sender.text}: refused, as ${MAX_TRANSFERS} transfers are under way.`);
      stream.destroy();
      return new LektError("LEKT_TRANSFER", `More than ${MAX_TRANSFERS} transfers at once.`);
    }
    const transfer = this.#receive(stream, sender, path);
    this.#open.set(stream, transfer);
    try {
      return await transfer;
    } finally {
      this.#open.delete(stream);
    }
  }

  /** With --once the end of the transfer is the end of the command, and told as such. */
  get #tellsPeople(): boolean {
    return !this.#json && !this.#once;
  }

  /** Breaks off what is under way: it can be gone on with. */
  async end(): Promise<void> {
    this.#ending.abort();
    for (const stream of this.#open.keys()) stream.destroy();
    await Promise.all(this.#open.values());
  }

  async #receive(stream: Duplex, { identity, text: peer }: Sender, path: string): Promise<Outcome> {
    const report = new TransferReport({
      json: this.#json,
      lines: this.#lines,
      note: this.#note,
      facts: { peer },
      received: (event) => receivedText(event, peer),
    });
    await this.#event({ event: "connected", peer, path });
    try {
      const delivery = new Delivery(this.#folder, identity);
      const result = await receiveFiles(stream, delivery, this.#limits, (event) => report.tell(event));
      await this.#event({ event: "done", peer, received: result.done, failed: result.failed });
      const lack = lackOf(result);
      if (lack !== undefined && this.#tellsPeople) this.#note(`${peer}: ${lack}`);
      return result;
    } catch (cause) {
      const error = breakOf(cause);
      report.clear();
      await this.#event({ event: "broken", peer, code: error.code, reason: error.message });
      if (this.#tellsPeople) this.#note(`${peer}: ${error.message} What came of a file is kept.`);
      return error;
    } finally {
      stream.destroy();
    }
  }

  async #event(line: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#json) await this.#lines.tellPatiently(jsonLine(line));
  }
}

function receivedText({ name, storedAs, size, already }: ReceivedEvent, peer: string): string {
  const sentAs = storedAs === name ? "" : ` as ${name}`;
  return `${storedAs}: ${already ? "was here already" : sizeText(size)}, from ${peer}${sentAs}`;
}

/** What the file system did to one transfer must not end the others. @throws what is a fault of this program */
function breakOf(error: unknown): LektError {
  if (error instanceof LektError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return new LektError("LEKT_TRANSFER", `The folder cannot be used: ${message}.`, { cause: error });
}
