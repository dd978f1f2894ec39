import { connect, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { ServerOptions } from "@lekt/server";
import { RawConnection } from "../../packages/server/test/raw-connection.ts";
import type { Counts, Question } from "./figures.ts";

/** How big an attack is. */
export interface Scale {
  /** Numbers of connections are divided by it. */
  readonly part: number;
  /** Floods last so long. */
  readonly seconds: number;
}

/** What the abuser is told. */
export interface Order {
  readonly attack: string;
  readonly port: number;
  readonly network: string;
  readonly wellBehaved: number;
  readonly scale: Scale;
  /** No two attacks share an address. */
  readonly firstAddress: number;
}

/** What an attack found out. */
export interface Findings {
  /** Figures worth a line, by name. */
  readonly notes: Record<string, number | string>;
  /** What the server did and should not have done, or the other way round. */
  readonly faults: string[];
}

/** One way to be a bad client. It runs in a process of its own and ends all connections that it made. */
export interface Attack {
  readonly name: string;
  readonly options: ServerOptions;
  /** Takes too long for the tests: the deadlines that it waits for cannot be set. */
  readonly isLong?: boolean;
  readonly run: (ground: Ground) => Promise<void>;
}

/** Deadlines that come into nobody's way. */
export const PATIENT: ServerOptions = { setupTimeoutMs: 60_000, heartbeatIntervalMs: 100_000 };

/** By so much two readings of memory may differ that mean the same: compiled code, buffers kept for reuse. */
export const NOISE_BYTES = 2 ** 20;

/** Connections of one address: below what it may have in a second (32) and in a network (64). */
const PER_ADDRESS = 16;

/** Where an attack takes place: the server's port, addresses to come from, and what is found. */
export class Ground {
  readonly port: number;
  readonly scale: Scale;
  readonly findings: Findings = { notes: {}, faults: [] };
  /** The network of the well-behaved clients. */
  readonly network: string;
  /** How many they are, the one that comes and goes included. */
  readonly #wellBehaved: number;
  readonly #ask: <Answer>(question: Question) => Promise<Answer>;
  #addresses: number;
  #current = "";
  #used = PER_ADDRESS;

  constructor(order: Order, ask: <Answer>(question: Question) => Promise<Answer>) {
    this.port = order.port;
    this.network = order.network;
    this.#wellBehaved = order.wellBehaved;
    this.scale = order.scale;
    this.#addresses = order.firstAddress;
    this.#ask = ask;
  }

  /** So many of this number as the scale allows. */
  scaled(count: number): number {
    return Math.max(1, Math.ceil(count / this.scale.part));
  }

  /** A loopback address that nobody else comes from. */
  newAddress(): string {
    const number = ++this.#addresses;
    return `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
  }

  /** An address that may have one more connection. */
  address(): string {
    if (this.#used >= PER_ADDRESS) {
      this.#used = 0;
      this.#current = this.newAddress();
    }
    this.#used++;
    return this.#current;
  }

  /** A client of bytes that goes on reading when it or the server has ended. */
  connect(from = this.address()): Promise<RawConnection> {
    return RawConnection.connect(this.port, { from, allowHalfOpen: true });
  }

  /** Many sockets at once, of which nothing is read; those that fail are left out. */
  async burst(count: number): Promise<Socket[]> {
    const sockets = await Promise.all(
      Array.from({ length: count }, () => {
        const from = this.address();
        const socket = connect({ port: this.port, host: "127.0.0.1", localAddress: from, noDelay: true });
        return new Promise<Socket | undefined>((resolve) => {
          socket.on("error", () => resolve(undefined));
          socket.once("connect", () => resolve(socket));
        });
      }),
    );
    const connected = sockets.filter((socket) => socket !== undefined);
    this.expect(connected.length === count, `only ${connected.length} of ${count} could connect`);
    return connected;
  }

  note(name: string, value: number | string): void {
    this.findings.notes[name] = typeof value === "number" ? Math.round(value * 10) / 10 : value;
  }

  expect(holds: boolean, fault: string): void {
    if (!holds) this.findings.faults.push(fault);
  }

  counts(): Promise<Counts> {
    return this.#ask("counts");
  }

  /** The server's memory, on and off the heap, after a collection. */
  heldBytes(): Promise<number> {
    return this.#ask("heldBytes");
  }

  /** Waits until the server is as is said, or it is a fault. */
  async until(isSo: (counts: Counts) => boolean, what: string, withinMs = 60_000): Promise<void> {
    const lateMs = performance.now() + withinMs;
    for (;;) {
      const counts = await this.counts();
      if (isSo(counts)) return;
      if (performance.now() > lateMs) {
        this.expect(false, `${what} did not come about: ${JSON.stringify(counts)}`);
        return;
      }
      await pause(20);
    }
  }

  /** Waits until nobody but the well-behaved is connected. */
  async untilAlone(withinMs?: number): Promise<void> {
    await this.until(({ connections }) => connections <= this.#wellBehaved, "the end of all", withinMs);
  }

  /** Notes how often the server said which word. @returns the numbers by word, "" for none. */
  words(clients: readonly RawConnection[]): Map<string, number> {
    const words = new Map<string, number>();
    for (const client of clients) {
      const word = client.rejected?.word ?? "";
      words.set(word, (words.get(word) ?? 0) + 1);
    }
    for (const [word, count] of words) {
      const name = `Reject ${word || "none"}`;
      this.note(name, count + ((this.findings.notes[name] as number | undefined) ?? 0));
    }
    return words;
  }

  expectAll(clients: readonly RawConnection[], word: string): void {
    const count = this.words(clients).get(word) ?? 0;
    this.expect(count === clients.length, `${count} of ${clients.length} got the Reject ${word}`);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Sends the piece so often, as fast as the server takes it, until it hangs up. */
export async function pour(client: RawConnection, times: number, piece: Uint8Array): Promise<void> {
  const pieces = function* () {
    for (let i = 0; i < times && !client.socket.destroyed; i++) yield piece;
  };
  await pipeline(pieces, client.socket, { end: false }).catch(() => {});
}

/** At once, with a reset. */
export function cut(sockets: Iterable<Socket>): void {
  for (const socket of sockets) socket.resetAndDestroy();
}
