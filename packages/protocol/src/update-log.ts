import type { HistoryBudget } from "./history-budget.ts";
import { HISTORY_BYTES, HISTORY_MS, PACKET_TARGET_BYTES } from "./limits.ts";

export interface UpdateLogOptions {
  /** The past is kept for so long (spec 5.16). */
  readonly historyMs?: number;
  /** The past is kept up to this size, in bytes (spec 5.16). */
  readonly historyBytes?: number;
  /** What all logs of a server may keep together; without it, each has only its own bounds. */
  readonly budget?: HistoryBudget | undefined;
  /** Gives the memory of a block; Node.js gives a `Buffer`, which its sockets write as it is. */
  readonly allocate?: (bytes: number) => Uint8Array;
}

interface Block {
  readonly bytes: Uint8Array;
  /** Position of its first byte. */
  readonly position: number;
  used: number;
  lastAppendMs: number;
}

const FIRST_BLOCK_BYTES = 512;
const NOTHING_READ = { from: -1, to: -1, maxBytes: 0, parts: [] as readonly Uint8Array[] };

/**
 * The encoded changes of one network, one after the other, append-only. A reader's whole state is a
 * position (a byte count since the beginning), and what it has yet to read is a few stretches of memory
 * that it shares with all other readers. A packet never lies across two blocks.
 */
export class UpdateLog {
  readonly #blocks: Block[] = [];
  readonly #historyMs: number;
  readonly #historyBytes: number;
  readonly #budget: HistoryBudget | undefined;
  readonly #allocate: (bytes: number) => Uint8Array;
  #end = 0;
  #keptBytes = 0;
  #lastRead = NOTHING_READ;
  /** Positions at which a reader may have stopped, ascending. */
  #marks = [0];

  constructor(options: UpdateLogOptions = {}) {
    this.#historyMs = options.historyMs ?? HISTORY_MS;
    this.#historyBytes = options.historyBytes ?? HISTORY_BYTES;
    this.#budget = options.budget;
    this.#allocate = options.allocate ?? ((bytes) => new Uint8Array(bytes));
  }

  /** Position of the first byte that is still there. */
  get start(): number {
    return this.#blocks[0]?.position ?? this.#end;
  }

  /** Position behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /** Memory of all blocks, in bytes. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Room for one packet, which the caller fills at once. */
  append(packetBytes: number, nowMs: number): Uint8Array {
    let block = this.#blocks.at(-1);
    if (!block || block.used + packetBytes > block.bytes.length) {
      const doubled = block ? 2 * block.bytes.length : FIRST_BLOCK_BYTES;
      const size = Math.max(packetBytes, Math.min(doubled, PACKET_TARGET_BYTES));
      const full = block;
      block = { bytes: this.#allocate(size), position: this.#end, used: 0, lastAppendMs: nowMs };
      this.#blocks.push(block);
      this.#keptBytes += size;
      if (full) this.#budget?.take(full.bytes, this);
    }
    const packet = block.bytes.subarray(block.used, block.used + packetBytes);
    block.used += packetBytes;
    block.lastAppendMs = nowMs;
    this.#end += packetBytes;
    return packet;
  }

  /** A reader may stop at the end as it is now, and go on from there later. */
  mark(): void {
    if (this.#marks.at(-1) !== this.#end) this.#marks.push(this.#end);
  }

  /** Whether a reader may go on from `position`: it was marked, and what follows is still there. */
  isMarked(position: number): boolean {
    if (position < this.start) return false;
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    return this.#marks[low] === position;
  }

  /**
   * What stands from `position` on, as stretches of whole packets of `maxBytes` together (the first may be
   * longer); undefined where its beginning is forgotten.
   */
  read(position: number, maxBytes: number): readonly Uint8Array[] | undefined {
    if (position < this.start) return undefined;
    // Most readers stand at the same position: they share one answer.
    const last = this.#lastRead;
    if (last.from === position && last.to === this.#end && last.maxBytes === maxBytes) return last.parts;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (let i = this.#blockAt(position); i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as Block;
      const from = Math.max(0, position - block.position);
      if (from === block.used) continue;
      bytes += block.used - from;
      if (parts.length > 0 && bytes > maxBytes) break;
      parts.push(block.bytes.subarray(from, block.used));
    }
    this.#lastRead = { from: position, to: this.#end, maxBytes, parts };
    return parts;
  }

  /** Forgets what is older or more than the bounds allow. @param maxBytes where it shares `historyBytes` with another log. */
  trim(nowMs: number, maxBytes = this.#historyBytes): void {
    let forgotten = 0;
    let keptBytes = this.#keptBytes;
    for (const block of this.#blocks) {
      const tooOld = nowMs - block.lastAppendMs > this.#historyMs;
      if (!tooOld && keptBytes <= maxBytes) break;
      keptBytes -= block.bytes.length;
      forgotten++;
    }
    this.#forget(forgotten);
  }

  /** For the budget, which has had enough of it. */
  forgetOldestBlock(): void {
    this.#forget(1);
  }

  /** Nobody reads it any more. */
  close(): void {
    this.#forget(this.#blocks.length);
  }

  #forget(count: number): void {
    if (count === 0) return;
    for (const { bytes } of this.#blocks.splice(0, count)) {
      this.#keptBytes -= bytes.length;
      this.#budget?.release(bytes);
    }
    this.#marks = this.#marks.filter((mark) => mark >= this.start);
    this.#lastRead = NOTHING_READ;
  }

  #blockAt(position: number): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#blocks[middle] as Block).position <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
