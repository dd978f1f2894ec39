import { once } from "node:events";
import { createColors } from "picocolors";

export type Colors = ReturnType<typeof createColors>;

/** What NO_COLOR and FORCE_COLOR ask for; else colours on a terminal alone. */
export function colorsFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Colors {
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "") return createColors(force !== "0" && force !== "false");
  if (env["NO_COLOR"]) return createColors(false);
  return createColors(stream.isTTY === true && env["TERM"] !== "dumb");
}

/** Writes to stdout and waits where the reader is slower: memory stays bounded. @param signal ends the waiting */
export async function write(text: string, signal?: AbortSignal): Promise<void> {
  if (process.stdout.write(text)) return;
  await once(process.stdout, "drain", { signal }).catch((error) => {
    if (!signal?.aborted) throw error;
  });
}

const BATCH_CHARACTERS = 16_384;

/** Many short texts in few writes; what waits goes out as soon as the program waits for anything else. */
export class BatchedOutput {
  #waiting = "";
  #scheduled = false;

  async add(text: string): Promise<void> {
    this.#waiting += text;
    if (this.#waiting.length >= BATCH_CHARACTERS) await this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        void this.flush();
      });
    }
  }

  async flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    if (text !== "") await write(text);
  }
}

let onBrokenPipe: () => void = () => process.exit(0);

/** `lekt … | head -1`: the reader has seen enough, and that is no error. */
export function endQuietlyOnBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    onBrokenPipe();
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

/** For what goes on when nobody reads its output any more: a server. */
export function ignoreBrokenPipe(): void {
  onBrokenPipe = () => {};
}
