import { randomBytes } from "node:crypto";
import { describeMethod, encodeUtf8, METHOD } from "@lekt/protocol";
import { type CheckInfo, type Evidence, Failed, Skipped } from "./check.ts";
import { CircuitEnd } from "./circuit-end.ts";
import { Guest } from "./guest.ts";
import { Line, openSocket } from "./line.ts";
import type { ServiceAddress } from "./named-service.ts";
import type { Pacer } from "./pacer.ts";
import { portPayload } from "./raw-packets.ts";
import { StunSocket } from "./stun-socket.ts";

/** For so long nothing may come where nothing is to come. */
export const QUIET_MS = 300;

/** What is known of the server before its checks begin. */
export interface ServerFacts {
  /** The methods of 1–64 that it asks for. */
  readonly asked: ReadonlySet<number>;
  /** Its heartbeat interval (spec 5.15.1). */
  readonly heartbeatMs: number;
  /** How long handshake and setup may take (spec 4.9). */
  readonly setupMs: number;
}

export interface ServerCheck extends CheckInfo {
  /** Methods without which there is nothing to check. */
  readonly needs?: readonly number[];
  readonly run: (bench: ServerBench) => Promise<void>;
}

export interface BenchSettings {
  readonly host: string;
  readonly port: number;
  readonly patienceMs: number;
  readonly pacer: Pacer;
}

type Extras = Iterable<readonly [number, Uint8Array]>;

/** What one check works with: connections to the server, and a network of its own. */
export class ServerBench {
  readonly facts: ServerFacts;
  readonly host: string;
  readonly port: number;
  readonly patienceMs: number;
  /** Nobody else knows its name. */
  readonly network: Uint8Array = encodeUtf8(`conformance-${randomBytes(9).toString("hex")}`);
  readonly #pacer: Pacer;
  readonly #connections: (Line | CircuitEnd)[] = [];
  readonly #stunSockets: StunSocket[] = [];
  #closed = false;

  constructor({ host, port, patienceMs, pacer }: BenchSettings, facts: ServerFacts) {
    this.host = host;
    this.port = port;
    this.patienceMs = patienceMs;
    this.#pacer = pacer;
    this.facts = facts;
  }

  /** A connection to the server; or to another address, such as its relay's. */
  async connect(host = this.host, port = this.port): Promise<Line> {
    await this.#pass();
    return this.#keep(await Line.open({ host, port, patienceMs: this.patienceMs }));
  }

  /** A connection to a relay, with a token; what is said early goes with it. */
  async circuitEnd({ host, port }: ServiceAddress, token: Uint8Array, early?: string): Promise<CircuitEnd> {
    await this.#pass();
    const socket = await openSocket({ host, port, patienceMs: this.patienceMs });
    return this.#keep(new CircuitEnd(socket, this.patienceMs, token, early));
  }

  /** A UDP socket that speaks with this address alone. */
  async stunSocket(to: ServiceAddress): Promise<StunSocket> {
    const socket = await StunSocket.open(to, this.patienceMs);
    this.#stunSockets.push(socket);
    return socket;
  }

  /** A client that sets just these methods. */
  async join(offers: Extras): Promise<Guest> {
    return await this.introduce(await this.connect(), offers);
  }

  async introduce(line: Line, offers: Extras): Promise<Guest> {
    return await Guest.introduce(line, new Map(offers));
  }

  /** A client in this check's network that tells a port, by which the roster shows it. */
  async member(port: number, extras: Extras = []): Promise<Guest> {
    return await this.join([[METHOD.tcp, portPayload(port)], [METHOD.network, this.network], ...extras]);
  }

  /** Two clients, ports 4001 and 4002, each of which sees the other. */
  async pair(extras: Extras = []): Promise<[ada: Guest, bob: Guest]> {
    const ada = await this.member(4_001);
    const bob = await this.member(4_002, extras);
    for (const guest of [ada, bob]) await guest.until([4_001, 4_002], "two have joined");
    return [ada, bob];
  }

  /** A client that sees this check's network without being in it. */
  async watcher(extras: Extras = []): Promise<Guest> {
    return await this.join([[METHOD.network, this.network], [METHOD.watch, new Uint8Array(0)], ...extras]);
  }

  /** @throws Skipped where the server asks for one of them not. */
  needs(...methods: readonly number[]): void {
    const missing = methods.find((method) => !this.facts.asked.has(method));
    if (missing === undefined) return;
    throw new Skipped(`the server does not ask for ${describeMethod(missing)}`);
  }

  /** Of the connection that was opened last. */
  get evidence(): Evidence | undefined {
    return this.#connections.at(-1)?.evidence;
  }

  close(): void {
    this.#closed = true;
    for (const each of [...this.#connections, ...this.#stunSockets]) each.close();
  }

  async #pass(): Promise<void> {
    await this.#pacer.pass();
    if (this.#closed) throw new Failed("a connection", "the end of the run");
  }

  #keep<T extends Line | CircuitEnd>(connection: T): T {
    this.#connections.push(connection);
    return connection;
  }
}
