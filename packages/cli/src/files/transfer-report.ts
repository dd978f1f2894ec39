import { safeText } from "@lekt/protocol";
import { fitToWidth } from "../display-width.ts";
import { jsonLine } from "../json-line.ts";
import type { Note } from "../peers/notes.ts";
import type { SpareLines } from "../spare-lines.ts";
import { sizeText } from "./size-text.ts";
import type { ReceivedEvent, TransferEvent } from "./transfer-event.ts";

const JSON_INTERVAL_MS = 500;
const LINE_INTERVAL_MS = 100;
/** What is read faster is not worth a word. */
const READING_QUIET_MS = 500;

type ProgressEvent = Extract<TransferEvent, { type: "progress" | "reading" }>;

export interface ReportOptions {
  readonly json: boolean;
  /** Where it is told. */
  readonly lines: SpareLines;
  readonly note: Note;
  /** Goes into each JSON line. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The line for a file that has arrived, for people. */
  readonly received: (event: ReceivedEvent) => string;
}

/** Tells how a transfer goes: JSON lines; or lines for people, and on a terminal one line that moves. */
export class TransferReport {
  readonly #options: ReportOptions;
  readonly #isLineShown: boolean;
  /** What the moving line is about. */
  #subject: string | undefined;
  #startBytes = 0;
  #startMs = 0;
  #shownMs = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#isLineShown = !options.json && process.stderr.isTTY === true;
  }

  async tell(event: TransferEvent): Promise<void> {
    if (isMoving(event) && !this.#isDue(event)) return;
    const { type, ...rest } = event;
    const { json, lines, facts } = this.#options;
    if (json) {
      const line = jsonLine({ event: type, ...facts, ...rest });
      if (isMoving(event)) lines.tell(line);
      else await lines.tellPatiently(line);
    } else await this.#tellPeople(event);
  }

  async #tellPeople(event: TransferEvent): Promise<void> {
    if (isMoving(event)) this.#draw(event);
    else this.clear();
    const { lines, received, note } = this.#options;
    if (event.type === "received") await lines.tellPatiently(`${safeText(received(event))}\n`);
    if (event.type === "failed") note(`${event.name} did not get over: ${event.reason}.`);
  }

  /** The moving line is gone: for whatever is written next. */
  clear(): void {
    if (this.#isLineShown) process.stderr.write("\r\x1b[K");
  }

  /** The first of each file, and then a few in a second; of reading only what takes long. */
  #isDue({ type, name, bytes }: ProgressEvent): boolean {
    const nowMs = performance.now();
    const subject = `${type} ${name}`;
    const isFirst = subject !== this.#subject;
    if (isFirst) {
      this.#subject = subject;
      this.#startBytes = bytes;
      this.#startMs = nowMs;
    }
    const quietMs = type === "reading" ? READING_QUIET_MS : 0;
    const intervalMs = this.#options.json ? JSON_INTERVAL_MS : LINE_INTERVAL_MS;
    const isOften = nowMs - this.#shownMs < intervalMs && !(isFirst && type === "progress");
    if (nowMs - this.#startMs < quietMs || isOften) return false;
    this.#shownMs = nowMs;
    return true;
  }

  #draw({ type, name, bytes, size }: ProgressEvent): void {
    if (!this.#isLineShown) return;
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const rate = seconds > 0.5 ? `, ${sizeText(Math.round((bytes - this.#startBytes) / seconds))}/s` : "";
    const share = size > 0 ? Math.floor((bytes / size) * 100) : 100;
    const doing = type === "reading" ? "reading it for its checksum, " : "";
    const figures = `${doing}${share} %, ${sizeText(bytes)} of ${sizeText(size)}${rate}`;
    const room = (process.stderr.columns ?? 80) - figures.length - 3;
    process.stderr.write(`\r\x1b[K${fitToWidth(safeText(name), Math.max(room, 1))}: ${figures}`);
  }
}

function isMoving(event: TransferEvent): event is ProgressEvent {
  return event.type === "progress" || event.type === "reading";
}
