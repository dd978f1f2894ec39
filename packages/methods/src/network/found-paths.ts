import type { Duplex } from "node:stream";
import type { RawPath } from "@lekt/protocol";

/** The paths of one attempt, as they come: each has the `next` one. */
export class FoundPaths {
  readonly first: Promise<RawPath<Duplex>>;
  #found: (path: RawPath<Duplex>) => void = () => {};
  #ended: (error: Error) => void = () => {};
  #isOver = false;

  constructor() {
    this.first = new Promise((resolve, reject) => {
      this.#found = resolve;
      this.#ended = reject;
    });
    this.first.catch(() => {});
  }

  push(path: RawPath<Duplex>): void {
    if (this.#isOver) {
      path.stream.destroy();
      return;
    }
    const found = this.#found;
    const next = new Promise<RawPath<Duplex> | undefined>((resolve) => {
      this.#found = resolve;
      this.#ended = () => resolve(undefined);
    });
    found({ ...path, next });
  }

  /** @param error why there is none, where there is none */
  end(error: Error): void {
    this.#isOver = true;
    this.#ended(error);
  }
}

/** Waits for all, those that begin meanwhile included. @throws the first reason where none was successful */
export async function allTried(tries: () => readonly Promise<unknown>[]): Promise<void> {
  let count: number;
  do {
    count = tries().length;
    await Promise.allSettled(tries());
  } while (tries().length > count);
  await oneAtLeast(tries());
}

/** Waits for all. @throws the first reason where none was successful */
export async function oneAtLeast(tries: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(tries);
  if (results.some(({ status }) => status === "fulfilled")) return;
  throw results.find((result) => result.status === "rejected")?.reason;
}
