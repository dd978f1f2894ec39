import { Failed } from "./check.ts";
import { Waiting } from "./waiting.ts";

export const MAX_NAMES = 10_000;

/** The names of the peers that a program shows, from the JSON lines of `lekt join --json`. */
export class PrintedRoster {
  #names: string[] = [];
  /** All that happened, in words; the last ones. */
  readonly #log: string[] = [];
  readonly #waiting = new Waiting();

  read(line: string): void {
    let event: unknown;
    try {
      event = JSON.parse(line);
    } catch {
      return;
    }
    if (typeof event !== "object" || event === null) return;
    const { event: kind, peer, peers } = event as { event?: unknown; peer?: unknown; peers?: unknown };
    const name = nameOf(peer);
    if (kind === "online" && Array.isArray(peers)) this.#names = peers.slice(0, MAX_NAMES).map(nameOf);
    else if (kind === "joined" && this.#names.length < MAX_NAMES) this.#names.push(name);
    else if (kind === "left" && this.#names.includes(name)) this.#names.splice(this.#names.indexOf(name), 1);
    else return;
    this.#log.push(`${kind}${kind === "online" ? "" : ` ${name}`}`);
    if (this.#log.length > 100) this.#log.shift();
    this.#waiting.wake();
  }

  get names(): string {
    return [...this.#names].sort().join(" ");
  }

  /** Waits until just these are shown. @throws Failed */
  async until(names: readonly string[], why: string, waitMs: number): Promise<void> {
    const wanted = [...names].sort().join(" ");
    const isShown = await this.#waiting.until(() => this.names === wanted || undefined, waitMs);
    if (!isShown) throw new Failed(`the peers ${wanted || "(none)"} (${why})`, this.names || "none");
  }

  /** @throws Failed where something was reported of this peer. */
  mustNotReport(kind: "joined" | "left", name: string, why: string): void {
    if (this.#log.includes(`${kind} ${name}`))
      throw new Failed(`no "${kind}" of ${name} (${why})`, this.#log.join(", "));
  }
}

function nameOf(peer: unknown): string {
  const { name } = (peer ?? {}) as { name?: unknown };
  return typeof name === "string" ? name : "?";
}
