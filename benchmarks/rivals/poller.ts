import { Agent, get } from "node:http";
import type { Member } from "../harness/member.ts";
import type { ServerAddress } from "../harness/rival.ts";

/** For what cannot tell by itself: asks over one kept connection, again and again. */
export class Poller {
  readonly #server: ServerAddress;
  readonly #member: Member;
  readonly #intervalMs: number;
  readonly #agent: Agent;
  #timer: NodeJS.Timeout | undefined;

  /** @param intervalMs from an answer to the next question. */
  constructor(server: ServerAddress, member: Member, intervalMs: number) {
    this.#server = server;
    this.#member = member;
    this.#intervalMs = intervalMs;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  /** The body of an answer. */
  ask(path: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const { host, port } = this.#server;
      const request = get(
        { host, port, path, agent: this.#agent, localAddress: this.#member.address },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("error", reject);
          answer.on("end", () => resolve(Buffer.concat(chunks)));
        },
      );
      request.on("error", reject);
    });
  }

  /** Asks from now on; `read` gets each answer. */
  start(path: string, read: (body: Buffer) => void): void {
    const poll = async () => {
      try {
        read(await this.ask(path));
      } catch (error) {
        this.#member.fail(error instanceof Error ? error.message : String(error));
      }
      if (this.#timer) this.#timer = setTimeout(poll, this.#intervalMs);
    };
    this.#timer = setTimeout(poll);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  end(): void {
    this.stop();
    this.#agent.destroy();
  }
}
