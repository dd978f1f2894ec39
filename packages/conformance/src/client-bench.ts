import { type AddressInfo, createServer, type Server } from "node:net";
import { type ClientObject, describeMethod } from "@lekt/protocol";
import { type CheckInfo, type Evidence, Failed, Skipped } from "./check.ts";
import type { ClientProgram, RunningClient } from "./client-program.ts";
import { PrintedRoster } from "./printed-roster.ts";
import { type SetupScript, Visit } from "./visit.ts";
import { Waiting } from "./waiting.ts";

const HOST = "127.0.0.1";
const NETWORK = "conformance";

export interface ClientCheck extends CheckInfo {
  /** Methods that the client has to set. */
  readonly needs?: readonly number[];
  /** It judges what the program prints. */
  readonly judgesEvents?: boolean;
  /** Slow only where the client does not let the server name the interval (method 23). */
  readonly slowWithoutInterval?: boolean;
  readonly run: (bench: ClientBench) => Promise<void>;
}

/** What is known of the program before its checks begin. */
export interface ClientFacts {
  /** The methods that it sets. */
  readonly methods: ReadonlySet<number>;
}

export interface ClientBenchSettings {
  readonly program: ClientProgram;
  readonly patienceMs: number;
  /** How long the program may take until it connects. */
  readonly startMs: number;
}

/** What one check works with: a port, the program, and its connections as they come. */
export class ClientBench {
  readonly facts: ClientFacts;
  readonly patienceMs: number;
  readonly printed = new PrintedRoster();
  readonly #settings: ClientBenchSettings;
  readonly #server: Server;
  readonly #visits: Visit[] = [];
  readonly #waiting = new Waiting();
  #taken = 0;
  #client: RunningClient | undefined;
  /** Why the program ended, when it has. */
  #end: string | undefined;

  private constructor(settings: ClientBenchSettings, facts: ClientFacts, server: Server) {
    this.#settings = settings;
    this.facts = facts;
    this.patienceMs = settings.patienceMs;
    this.#server = server;
    server.on("connection", (socket) => {
      this.#visits.push(new Visit(socket, this.patienceMs));
      this.#waiting.wake();
    });
  }

  static async open(settings: ClientBenchSettings, facts: ClientFacts): Promise<ClientBench> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, HOST, resolve);
    });
    return new ClientBench(settings, facts, server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get takesNetwork(): boolean {
    return this.#settings.program.takesNetwork;
  }

  /** Connections so far. */
  get connections(): number {
    return this.#visits.length;
  }

  /** Starts the program and waits for its first connection. @throws Failed where none comes. */
  async visited(network = NETWORK): Promise<Visit> {
    const client = this.#settings.program.start({ host: HOST, port: this.port, network }, (line) =>
      this.printed.read(line),
    );
    this.#client = client;
    void client.ended.then((why) => {
      this.#end = why;
      this.#waiting.wake();
    });
    return await this.next("a connection of the program", this.#settings.startMs);
  }

  /** The program, with its setup over and its first reply read. */
  async settled(script: SetupScript = {}, peers: readonly ClientObject[] = []): Promise<Visit> {
    const visit = await this.visited();
    await visit.settled(script, peers);
    return visit;
  }

  /** The next connection. @throws Failed */
  async next(expected: string, waitMs = this.patienceMs): Promise<Visit> {
    const visit = await this.poll(waitMs);
    if (visit) return visit;
    throw new Failed(expected, this.#end ?? `none within ${waitMs} ms`);
  }

  /** The next connection, if one comes before this time is over or the program ends. */
  async poll(waitMs: number): Promise<Visit | undefined> {
    return await this.#waiting.until(this.#takeVisit, waitMs, this.#isOver);
  }

  /** The same where none should come. */
  async pollQuietly(quietMs: number): Promise<Visit | undefined> {
    return await this.#waiting.untilQuiet(this.#takeVisit, quietMs, this.#isOver);
  }

  readonly #takeVisit = () => {
    const visit = this.#visits[this.#taken];
    if (visit) this.#taken++;
    return visit;
  };

  readonly #isOver = () => this.hasEnded;

  /** Whether the program has ended by itself. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** @throws Skipped where the client sets one of them not. */
  needs(...methods: readonly number[]): void {
    const missing = methods.find((method) => !this.facts.methods.has(method));
    if (missing !== undefined) throw new Skipped(`the client does not set ${describeMethod(missing)}`);
  }

  get evidence(): Evidence | undefined {
    return this.#visits.at(-1)?.evidence;
  }

  async close(): Promise<void> {
    this.#client?.stop();
    for (const visit of this.#visits) visit.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
