import { join, type Room } from "@lekt/client";
import { eventText } from "../e2e/event-text.ts";

/** A change each so often: fewer than the news that a client with hold gets at once (spec 5.17.6). */
const PROBE_EVERY_MS = 75;
export const RESIDENTS = 20;
/** A loaded machine is late, and is no fault: what took long is seen in the figures. */
const PATIENCE = { connectTimeoutMs: 60_000, setupTimeoutMs: 60_000 };
/** What was not seen after this time never will be. */
const LOST_MS = 60_000;
/** The residents come in such groups, so that one address does not come too often. */
const GROUP = 10;

/** What the residents lived through in one stretch of time. */
export interface Stretch {
  /** From a change to the moment in which each of them had seen it, in milliseconds. */
  readonly joinMs: number[];
  readonly leaveMs: number[];
  /** What nobody may ever see. */
  readonly faults: string[];
}

/** Well-behaved clients with `hold`, and one more that joins and leaves again and again. */
export class Residents {
  readonly #url: string;
  readonly #rooms: readonly Room[];
  /** What each was told and has not been looked at. */
  readonly #told: string[][] = [];
  #wake: () => void = () => {};
  #probes = 0;

  private constructor(url: string, rooms: readonly Room[]) {
    this.#url = url;
    this.#rooms = rooms;
    for (const [i, room] of rooms.entries()) {
      const told: string[] = [];
      this.#told[i] = told;
      room.on((event) => {
        told.push(eventText(event));
        this.#wake();
      });
    }
  }

  static async moveIn(url: string): Promise<Residents> {
    const rooms: Room[] = [];
    while (rooms.length < RESIDENTS) {
      const group = Array.from({ length: GROUP }, (_, i) =>
        join(url, { name: `r${rooms.length + i}`, ...PATIENCE }),
      );
      rooms.push(...(await Promise.all(group)));
    }
    const complete = () => rooms.every((room) => room.peers.length === RESIDENTS - 1);
    await new Promise<void>((resolve) => {
      const stops = rooms.map((room) => room.on(() => check()));
      const check = () => {
        if (!complete()) return;
        for (const stop of stops) stop();
        resolve();
      };
      check();
    });
    return new Residents(url, rooms);
  }

  /** Somebody joins and leaves until it is over, at least once; everybody has to see that, and nothing else. */
  async live(isOver: () => boolean): Promise<Stretch> {
    const stretch: Stretch = { joinMs: [], leaveMs: [], faults: [] };
    do {
      const name = `probe${++this.#probes}`;
      let startMs = performance.now();
      const probe = await join(this.#url, { name, ...PATIENCE });
      if (probe.peers.length !== RESIDENTS) stretch.faults.push(`${name} saw ${probe.peers.length} peers`);
      await this.#allTold(`joined ${name}`, startMs, stretch.joinMs);
      await pause(startMs + PROBE_EVERY_MS);
      startMs = performance.now();
      await probe.close();
      await this.#allTold(`left ${name}`, startMs, stretch.leaveMs);
      await pause(startMs + PROBE_EVERY_MS);
      this.#look([`joined ${name}`, `left ${name}`], stretch.faults);
    } while (!isOver() && stretch.faults.length === 0);
    return stretch;
  }

  async moveOut(): Promise<void> {
    await Promise.all(this.#rooms.map((room) => room.close()));
  }

  /** Expects that everybody was told just this, in this order, since the last look. */
  #look(expected: readonly string[], faults: string[]): void {
    for (const [i, told] of this.#told.entries()) {
      const seen = told.splice(0).join(", ");
      if (seen !== expected.join(", "))
        faults.push(`r${i} saw ${seen || "nothing"}, not ${expected.join(", ")}`);
    }
  }

  async #allTold(text: string, startMs: number, latenciesMs: number[]): Promise<void> {
    const waiting = new Set(this.#told);
    for (;;) {
      for (const told of waiting) {
        if (!told.includes(text)) continue;
        waiting.delete(told);
        latenciesMs.push(performance.now() - startMs);
      }
      if (waiting.size === 0) return;
      for (const told of waiting) {
        const status = told.find((line) => line.startsWith("status"));
        if (status) throw new Error(`a well-behaved client lost its connection: ${status}`);
      }
      if (performance.now() - startMs > LOST_MS) throw new Error(`${waiting.size} were never told: ${text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOST_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function pause(untilMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, untilMs - performance.now())));
}
