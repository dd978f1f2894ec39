/** So many turns of the event loop a quiet time has at least, in which what is on its way can come. */
const QUIET_TURNS = 10;

/** Those who wait until something is there. Whoever brings something wakes them, and each looks for itself. */
export class Waiting {
  readonly #waiting = new Set<() => void>();

  wake(): void {
    for (const done of this.#waiting) done();
  }

  /** @returns what `look` finds; undefined where it finds nothing in this time, or nothing can come any more. */
  async until<T>(look: () => T | undefined, waitMs: number, isOver = () => false): Promise<T | undefined> {
    const endMs = performance.now() + waitMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || isOver()) return undefined;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, leftMs);
        this.#waiting.add(done);
      });
    }
  }

  /**
   * The same for what must not come: on a machine that is so busy that we do not get on with our own work, the time is
   * longer, as what would come is late, too.
   */
  async untilQuiet<T>(look: () => T | undefined, quietMs: number, isOver?: () => boolean) {
    for (let turn = 0; turn < QUIET_TURNS; turn++) {
      const found = await this.until(look, quietMs / QUIET_TURNS, isOver);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
