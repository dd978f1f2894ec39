import type { ChildProcess } from "node:child_process";

type Message =
  | { readonly question: unknown; readonly id: number }
  | { readonly answer: unknown; readonly id: number }
  | { readonly failure: string; readonly id: number };

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Questions and answers between this process and one that it forked, or that forked it; both may ask. */
export class Line {
  readonly #end: ChildProcess | NodeJS.Process;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;

  constructor(end: ChildProcess | NodeJS.Process, answer: (question: unknown) => unknown) {
    this.#end = end;
    // The two kinds of end declare the same event in different ways.
    const emitter: NodeJS.EventEmitter = end;
    emitter.on("message", (message: Message) => void this.#receive(message, answer));
    emitter.on("disconnect", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the other process has ended"));
      this.#waiting.clear();
    });
  }

  /** @throws Error where the other side throws, or ends before it has answered. */
  ask<Answer>(question: unknown): Promise<Answer> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      this.#send({ question, id });
    });
  }

  async #receive(message: Message, answer: (question: unknown) => unknown): Promise<void> {
    if ("question" in message) {
      try {
        this.#send({ answer: await answer(message.question), id: message.id });
      } catch (error) {
        this.#send({ failure: error instanceof Error ? `${error.stack}` : `${error}`, id: message.id });
      }
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ("failure" in message) waiting?.reject(new Error(message.failure));
    else waiting?.resolve(message.answer);
  }

  #send(message: Message): void {
    if (this.#end.connected) this.#end.send?.(message);
  }
}
