import { createServer as createNetServer, type Server, type Socket } from "node:net";
import {
  addressGroup,
  ClientPacketDecoder,
  DEFAULT_PORT,
  LektError,
  ProtocolError,
  type RejectWord,
  rosterAddress,
  SETUP_TIMEOUT_MS,
} from "@lekt/protocol";
import type { Logger } from "pino";
import { ConnectionRate } from "../connection-rate.ts";
import { descriptorLimit } from "../descriptor-limit.ts";
import { EventLog } from "../event-log.ts";
import { addressOf, openPort } from "../listener.ts";
import { resolveNumbers } from "../number-options.ts";
import { DESCRIPTOR_RESERVE } from "../options.ts";
import { refuseSocket } from "../refused-socket.ts";
import { CIRCUIT_DEFAULTS, CIRCUIT_RANGES, checkRelayKey, circuitsWithin } from "./circuit-options.ts";
import { CircuitRelay } from "./circuit-relay.ts";

/** Every number has its reason in `spec/limits.md`. */
export interface RelayOptions {
  /** At least 32 secret bytes, the same as the `relayKey` of the servers whose circuits it joins. */
  readonly key: Uint8Array;
  /** Default: all interfaces, IPv6 and IPv4. */
  readonly host?: string;
  /** Default 15358; 0: any free one. */
  readonly port?: number;
  /** Default: no log. */
  readonly logger?: Logger;
  /** Circuits at once. Default 1,024; never more than half of the file descriptors. */
  readonly maxCircuits?: number;
  /** Relayed connections of each address (IPv6: /64). Default 256. */
  readonly maxCircuitsPerAddress?: number;
  /** Of a circuit, both directions together. Default 16 GiB. */
  readonly maxCircuitBytes?: number;
  /** Connections that have not shown a token yet, or are told why not. Default 1,024. */
  readonly maxNewcomers?: number;
  /** New connections for each address (IPv6: /64) and second. Default 32. */
  readonly maxConnectionsPerSecond?: number;
  /** From the connection to its token. Default 10,000. */
  readonly setupTimeoutMs?: number;
}

/** A relay that has no rosters: it joins circuits that servers with its key have given (spec 8.2). */
export interface LektRelay {
  /** Opens the port. @throws LektError `LEKT_ADDRESS_IN_USE`, `LEKT_LISTEN`, `LEKT_CLOSED` */
  listen(): Promise<void>;
  /** Where it listens; undefined while it does not. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Connections that wait for their other end, or have it. */
  readonly connections: number;
  /** Ends at once: every connection is cut. */
  close(): Promise<void>;
  /** Ends in order: who waits gets a Reject `shutdown`. */
  drain(): Promise<void>;
}

const DEFAULTS = {
  port: DEFAULT_PORT,
  ...CIRCUIT_DEFAULTS,
  maxNewcomers: 1_024,
  maxConnectionsPerSecond: 32,
  setupTimeoutMs: SETUP_TIMEOUT_MS,
};
const RANGES = { port: [0, 65_535], ...CIRCUIT_RANGES } as const;

/** @throws LektError `LEKT_OPTION` that names the option and the value. */
export function createRelay(options: RelayOptions): LektRelay {
  return new TcpRelay(options);
}

class TcpRelay implements LektRelay {
  readonly #host: string | undefined;
  readonly #numbers: typeof DEFAULTS;
  readonly #log: EventLog;
  readonly #relay: CircuitRelay;
  readonly #rate: ConnectionRate;
  readonly #listener: Server;
  readonly #newcomers = new Set<Socket>();
  #state: "new" | "listening" | "stopped" = "new";

  constructor(options: RelayOptions) {
    checkRelayKey(options.key);
    const numbers = resolveNumbers(options, DEFAULTS, RANGES);
    const available = descriptorLimit() - DESCRIPTOR_RESERVE;
    const maxNewcomers = Math.max(1, Math.min(numbers.maxNewcomers, Math.floor(available / 4)));
    const maxCircuits = circuitsWithin(numbers.maxCircuits, available - maxNewcomers);
    this.#host = options.host;
    this.#numbers = { ...numbers, maxNewcomers, maxCircuits };
    this.#log = new EventLog(options.logger);
    this.#relay = new CircuitRelay({ ...this.#numbers, key: options.key }, this.#log);
    this.#rate = new ConnectionRate(numbers.maxConnectionsPerSecond);
    this.#listener = createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
  }

  get address(): { host: string; port: number } | undefined {
    return addressOf(this.#listener);
  }

  get connections(): number {
    return this.#relay.connections;
  }

  async listen(): Promise<void> {
    if (this.#state !== "new")
      throw new LektError("LEKT_LISTEN", "A relay listens once. Create another one.");
    this.#state = "listening";
    try {
      await openPort(this.#listener, this.#host, this.#numbers.port, () => this.#state === "stopped");
    } catch (error) {
      if (this.#state === "listening") this.#state = "new";
      throw error;
    }
    this.#listener.on("error", (error) => this.#log.acceptFailed(error));
    const shown = this.address as { host: string; port: number };
    this.#log.relaying(shown.host, shown.port, this.#numbers.maxCircuits);
  }

  async close(): Promise<void> {
    const closed = this.#stopListening();
    for (const socket of this.#newcomers) socket.destroy();
    await Promise.all([closed, this.#relay.close()]);
  }

  async drain(): Promise<void> {
    const closed = this.#stopListening();
    for (const socket of this.#newcomers) this.#refuse(socket, "shutdown", "the relay is shutting down");
    await Promise.all([closed, this.#relay.drain()]);
  }

  /** @returns when the last connection is gone. */
  #stopListening(): Promise<void> {
    this.#state = "stopped";
    return new Promise((resolve) => {
      this.#listener.close(() => resolve());
    });
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {});
    const address = rosterAddress(socket.remoteAddress ?? "");
    if (!address || this.#newcomers.size >= this.#numbers.maxNewcomers) {
      socket.destroy();
      return;
    }
    this.#newcomers.add(socket);
    socket.once("close", () => this.#newcomers.delete(socket));
    if (this.#rate.admits(addressGroup(address), performance.now())) this.#awaitToken(socket);
    else {
      const { maxConnectionsPerSecond } = this.#numbers;
      const text = `more than ${maxConnectionsPerSecond} new connections a second from one address`;
      this.#refuse(socket, "rate", text);
    }
  }

  #awaitToken(socket: Socket): void {
    const decoder = new ClientPacketDecoder();
    const stop = () => {
      clearTimeout(timer);
      socket.off("data", onData);
      socket.off("close", stop);
    };
    const refuse = (word: RejectWord, text: string) => {
      stop();
      this.#refuse(socket, word, text);
    };
    const timer = setTimeout(() => refuse("timeout", "no token came"), this.#numbers.setupTimeoutMs);
    const onData = (bytes: Uint8Array) => {
      if (socket.writableEnded) return;
      try {
        decoder.push(bytes);
        const packet = decoder.next();
        if (packet?.type === "circuit") {
          stop();
          this.#newcomers.delete(socket);
          this.#relay.take(socket, packet.token, decoder.takeRest());
        } else if (packet) refuse("auth", "this is a relay and has no rosters; join a server");
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        refuse(error.word, error.message);
      }
    };
    socket.on("data", onData);
    socket.once("close", stop);
    // Who ended its side behind half a packet says nothing any more.
    socket.once("end", () => {
      if (this.#newcomers.has(socket)) socket.end();
    });
  }

  #refuse(socket: Socket, word: RejectWord, text: string): void {
    // It may be told already that the relay shuts down.
    if (socket.writableEnded) return;
    this.#log.refused(socket.remoteAddress ?? "", word, text, performance.now());
    refuseSocket(socket, word, text);
  }
}
