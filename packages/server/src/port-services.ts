import { randomBytes } from "node:crypto";
import { LektError } from "@lekt/protocol";
import type { EventLog } from "./event-log.ts";
import { hostPort } from "./host-port.ts";
import type { ResolvedOptions } from "./options.ts";
import { CircuitIssuer } from "./relay/circuit-issuer.ts";
import { CircuitRelay } from "./relay/circuit-relay.ts";
import { RELAY_KEY_BYTES } from "./relay/circuit-token.ts";
import type { CircuitGrant, ServiceAddresses, Services } from "./services.ts";
import { SocketLink } from "./socket-link.ts";
import { StunRate } from "./stun/stun-rate.ts";
import { StunResponder } from "./stun/stun-responder.ts";
import type { Link } from "./visitor.ts";

/** The rim of what a server has beside rosters: a relay on its port or elsewhere, and STUN on two UDP ports. */
export class PortServices implements Services {
  readonly #options: ResolvedOptions;
  readonly #log: EventLog;
  readonly #relay: CircuitRelay | undefined;
  readonly #issuer: CircuitIssuer | undefined;
  #port = 0;
  #stun: StunResponder[] = [];
  #closed = false;

  constructor(options: ResolvedOptions, log: EventLog) {
    this.#options = options;
    this.#log = log;
    if (!options.relay) return;
    const key = options.relayKey ?? randomBytes(RELAY_KEY_BYTES);
    this.#issuer = new CircuitIssuer(key);
    if (options.relayAddress === undefined) this.#relay = new CircuitRelay({ ...options, key }, log);
  }

  get relaysHere(): boolean {
    return this.#relay !== undefined;
  }

  get stunPorts(): number[] {
    return this.#stun.map(({ port }) => port);
  }

  /** @param host where the server listens, and @param port its port. @throws LektError */
  async open(host: string, port: number): Promise<void> {
    this.#port = port;
    if (!this.#options.stun) return;
    try {
      const rate = new StunRate(this.#options.stunRequestsPerSecond);
      await this.#openStun(() => StunResponder.open(host, port, rate, this.#log));
      await this.#openStun(() => this.#openSecond(host, port, rate));
    } catch (error) {
      await this.#closeStun();
      throw error;
    }
  }

  addressesFor({ localAddress }: Link): ServiceAddresses {
    const host = this.#options.publicHost ?? localAddress;
    return {
      relay: this.#issuer ? this.#relayFor(localAddress) : null,
      stun: this.stunPorts.map((port) => hostPort(host, port)),
    };
  }

  /** A circuit for this client; undefined where there is no relay. */
  grantCircuit({ localAddress }: Link): CircuitGrant | undefined {
    return this.#issuer?.issue(Math.floor(Date.now() / 1_000), this.#relayFor(localAddress));
  }

  relay(link: Link, token: Uint8Array, early: Uint8Array): boolean {
    if (!this.#relay || !(link instanceof SocketLink)) return false;
    this.#relay.take(link.release(), token, early);
    return true;
  }

  /** Tells those who wait for a circuit's other end that the server goes down, and ends the rest. */
  async drain(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#relay?.drain(), this.#closeStun()]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#relay?.close(), this.#closeStun()]);
  }

  #relayFor(localAddress: string): string {
    const { relayAddress, publicHost } = this.#options;
    return relayAddress ?? hostPort(publicHost ?? localAddress, this.#port);
  }

  async #openStun(open: () => Promise<StunResponder>): Promise<void> {
    const responder = await open();
    this.#stun.push(responder);
    if (this.#closed) throw new LektError("LEKT_CLOSED", "The server was closed before it listened.");
  }

  /** The next port, or any free one where another program has that. */
  async #openSecond(host: string, port: number, rate: StunRate): Promise<StunResponder> {
    const { secondStunPort } = this.#options;
    const isAny = this.#options.port === 0 || port === 65_535;
    const wanted = secondStunPort || (isAny ? 0 : port + 1);
    try {
      return await StunResponder.open(host, wanted, rate, this.#log);
    } catch (error) {
      const isTaken = error instanceof LektError && error.code === "LEKT_ADDRESS_IN_USE";
      if (!isTaken || secondStunPort !== 0) throw error;
      return StunResponder.open(host, 0, rate, this.#log);
    }
  }

  async #closeStun(): Promise<void> {
    const open = this.#stun;
    this.#stun = [];
    await Promise.all(open.map((responder) => responder.close()));
  }
}
