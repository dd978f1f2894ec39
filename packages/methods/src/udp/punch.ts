import { createHmac } from "node:crypto";
import type { Endpoint } from "@lekt/protocol";
import { PortWalk } from "./port-walk.ts";
import {
  COOKIE_BYTES,
  decodeProbe,
  encodeProbe,
  NO_ECHO,
  type PeerRole,
  type ProbeKind,
  probedAttempt,
} from "./probe.ts";

/** Sockets on the side with a symmetric NAT, beside the main one (spec 9.7.6). */
export const MANY_SOCKETS = 256;
/** Ordinary punching has had its chance by then. */
const MANY_SOCKETS_AFTER_MS = 250;
/** So long the accepting side waits for a word that the dialing side has begun. */
const MAX_WAIT_MS = 1_000;
/**
 * A port each 5 ms, as long as the relay waits for a direct path, and then each 10 ms: the first 2 s hold a hit with a
 * likelihood of 80 %, 10 s with 99 %, 20 s with 99.98 %.
 */
const FAST_PORTS = 400;
const FAST_PORT_INTERVAL_MS = 5;
const PORT_INTERVAL_MS = 10;
const SOCKETS_PER_INTERVAL = 16;
/** So many intervals are made up for by a machine that was late. */
const MAX_INTERVALS_AT_ONCE = 8;
/** The first packet of each socket ends on the way, as a leaky router would give away the port that it comes to. */
const FIRST_SWEEP_MS = 1_500;
/** A lost probe leaves a socket without a hole: each sends again. */
const SOCKETS_SWEEP_MS = 5_000;
const PROBE_TIMES_MS = [0, 60, 160, 320, 600, 1_000, 1_500, 2_000, 2_500];
/** Of the few packets that a strange address may get, some are kept for answers. */
const KEPT_FOR_ANSWERS = 2;
/** From each of the many, to a port that has not shown yet that it hears us. */
const PACKETS_OF_EACH_SOCKET = 5;
/** Addresses and ports from which probes come and that were not offered. */
const MAX_STRANGERS = 8;
const CHOSEN_INTERVAL_MS = 100;

export interface PunchTarget extends Endpoint {
  /** As long as nothing shows that it hears us. */
  readonly maxPackets: number;
  /** An address translator may stand before it. */
  readonly isTranslated: boolean;
}

export interface PunchOptions {
  readonly role: PeerRole;
  /** 16 hex digits. */
  readonly attempt: string;
  /** Known to both peers. */
  readonly secret: Uint8Array;
  /** Known to nobody else: makes the cookies. */
  readonly cookieKey: Uint8Array;
  readonly targets: readonly PunchTarget[];
  /** Time to live of a packet that is to pass the own translators, and to end before it comes to the peer's. */
  readonly openingTtl: number;
  /** So many packets may answer a probe from where none was offered, until it shows that it hears them. */
  readonly answersTo: (from: Endpoint) => number;
  /** Where the many-socket method opens its sockets. */
  readonly manySockets: "here" | "there" | "neither";
  /** The only address that the many-socket method sends to. */
  readonly rosterAddress: string | undefined;
  readonly nowMs: number;
  readonly durationMs: number;
  /** A whole number that an observer cannot guess. */
  readonly random: number;
}

export type PunchEffect =
  | {
      readonly type: "send";
      readonly socket: number;
      readonly to: Endpoint;
      readonly bytes: Uint8Array;
      readonly ttl?: number;
    }
  /** Packets pass both ways between this socket and this address of the peer. */
  | { readonly type: "open"; readonly socket: number; readonly remote: Endpoint }
  | { readonly type: "gave-up" };

interface Contact {
  readonly socket: number;
  readonly remote: Endpoint;
  readonly cookie: string;
  /** The cookie that last came from there. */
  echo: string;
  packetsLeft: number;
  /** It has echoed our cookie, so it hears us and is where it says. */
  isProven: boolean;
}

/**
 * One round of looking for a path, on one side (spec 9.7.4). Socket 0 is the one whose candidates were sent; 1 to 256 are
 * those of the many-socket method, opened when something is first sent from them. Pure: bytes and the time go in.
 */
export class Punch {
  readonly #options: PunchOptions;
  readonly #contacts = new Map<string, Contact>();
  readonly #walk: PortWalk;
  readonly #endMs: number;
  #opens: boolean;
  #probesFromMs: number;
  #strangers = 0;
  #probesSent = 0;
  #manyAtMs: number;
  #socketsSent = 0;
  #chosen: Contact | undefined;
  #chosenAtMs = Number.POSITIVE_INFINITY;
  #isOpen = false;
  #isOver = false;
  #hasHeard = false;

  constructor(options: PunchOptions) {
    this.#options = options;
    this.#walk = new PortWalk(options.random);
    this.#endMs = options.nowMs + options.durationMs;
    this.#opens = options.role === "accepting";
    this.#probesFromMs = options.nowMs + (this.#opens ? MAX_WAIT_MS : 0);
    const many = options.manySockets !== "neither" && options.rosterAddress !== undefined;
    this.#manyAtMs = many ? this.#probesFromMs + MANY_SOCKETS_AFTER_MS : Number.POSITIVE_INFINITY;
    for (const target of options.targets) this.#contact(0, target, target.maxPackets);
  }

  /** Whether a probe of the peer has come through, whichever way. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  get usesManySockets(): boolean {
    return this.#socketsSent > 0;
  }

  /** When `advance` is to be called. */
  get nextMs(): number {
    if (this.#isOver || this.#isOpen) return Number.POSITIVE_INFINITY;
    if (this.#opens) return this.#options.nowMs;
    if (this.#chosen) return Math.min(this.#chosenAtMs, this.#endMs);
    return Math.min(this.#nextProbeMs, this.#manyAtMs, this.#endMs);
  }

  get #nextProbeMs(): number {
    const time = PROBE_TIMES_MS[this.#probesSent];
    return time === undefined ? Number.POSITIVE_INFINITY : this.#probesFromMs + time;
  }

  advance(nowMs: number): PunchEffect[] {
    const effects: PunchEffect[] = [];
    if (this.#isOver || this.#isOpen) return effects;
    if (nowMs >= this.#endMs) {
      this.#isOver = true;
      return [{ type: "gave-up" }];
    }
    if (this.#opens) this.#openOwnSide(effects);
    if (this.#chosen) {
      if (nowMs >= this.#chosenAtMs) this.#choose(this.#chosen, nowMs, effects);
      return effects;
    }
    if (nowMs >= this.#nextProbeMs) {
      this.#probesSent++;
      for (const contact of this.#contacts.values()) {
        if (contact.socket === 0 && contact.packetsLeft > KEPT_FOR_ANSWERS)
          this.#send(contact, "probe", effects);
      }
    }
    for (let i = 0; i < MAX_INTERVALS_AT_ONCE && nowMs >= this.#manyAtMs; i++) this.#searchPorts(effects);
    this.#manyAtMs = Math.max(this.#manyAtMs, nowMs);
    return effects;
  }

  /**
   * To the accepting side: the dialing one has sent its first probes. No packet of this side can come to a translator
   * any more that does not expect it.
   */
  peerBegan(nowMs: number): void {
    const earlierMs = Math.max(0, this.#probesFromMs - nowMs);
    this.#probesFromMs -= earlierMs;
    this.#manyAtMs -= earlierMs;
  }

  /** A datagram came in on a socket. One that is no probe of this attempt, made by the peer, does nothing. */
  receive(nowMs: number, socket: number, from: Endpoint, datagram: Uint8Array): PunchEffect[] {
    const effects: PunchEffect[] = [];
    const { role, attempt, secret } = this.#options;
    if (this.#isOver || probedAttempt(datagram) !== attempt) return effects;
    const probe = decodeProbe(datagram, secret);
    // A probe of the own role is our own, thrown back at us.
    if (!probe || probe.role === role) return effects;
    this.#hasHeard = true;
    this.peerBegan(nowMs);
    const contact = this.#contactOf(socket, from);
    if (!contact) return effects;
    contact.echo = probe.cookie;
    if (probe.echo === contact.cookie) {
      contact.isProven = true;
      contact.packetsLeft = Number.POSITIVE_INFINITY;
    }
    if (role === "dialing") this.#receiveDialing(probe.kind, contact, nowMs, effects);
    else this.#receiveAccepting(probe.kind, contact, effects);
    return effects;
  }

  /**
   * A translator that gets a packet before its own side has sent may give the port away. So the accepting side makes
   * its own let the peer in, by packets that end on the way, and leaves the beginning to the dialing side.
   */
  #openOwnSide(effects: PunchEffect[]): void {
    this.#opens = false;
    for (const target of this.#options.targets) {
      const ttl = target.isTranslated ? this.#options.openingTtl : undefined;
      this.#send(this.#contact(0, target, target.maxPackets), "probe", effects, ttl);
    }
  }

  /** The dialing side takes the first address that is proven, which is the nearest as a rule. */
  #receiveDialing(kind: ProbeKind, contact: Contact, nowMs: number, effects: PunchEffect[]): void {
    if (this.#isOpen) return;
    if (this.#chosen) {
      if (kind === "confirmed" && contact === this.#chosen && contact.isProven) this.#open(contact, effects);
    } else if (contact.isProven) this.#choose(contact, nowMs, effects);
    else if (kind === "probe") this.#send(contact, "probe", effects);
  }

  #receiveAccepting(kind: ProbeKind, contact: Contact, effects: PunchEffect[]): void {
    if (kind === "chosen" && contact.isProven) {
      this.#chosen ??= contact;
      // Again where the first confirmation was lost.
      if (contact === this.#chosen) this.#send(contact, "confirmed", effects);
      if (!this.#isOpen) this.#open(contact, effects);
    } else if (!this.#isOpen && kind !== "confirmed") this.#send(contact, "probe", effects);
  }

  #choose(contact: Contact, nowMs: number, effects: PunchEffect[]): void {
    this.#chosen = contact;
    this.#chosenAtMs = nowMs + CHOSEN_INTERVAL_MS;
    this.#send(contact, "chosen", effects);
  }

  #open(contact: Contact, effects: PunchEffect[]): void {
    this.#isOpen = true;
    effects.push({ type: "open", socket: contact.socket, remote: contact.remote });
  }

  /** Many sockets send to one port, or one socket to many ports, until one of the ports is behind one of the sockets. */
  #searchPorts(effects: PunchEffect[]): void {
    const address = this.#options.rosterAddress as string;
    if (this.#options.manySockets === "here") {
      const ttl = this.#socketsSent < MANY_SOCKETS ? this.#options.openingTtl : undefined;
      const target = this.#options.targets.find((target) => target.address === address);
      for (let i = 0; target && i < SOCKETS_PER_INTERVAL; i++) {
        const contact = this.#contact(
          1 + (this.#socketsSent++ % MANY_SOCKETS),
          target,
          PACKETS_OF_EACH_SOCKET,
        );
        if (contact.packetsLeft > 0) this.#send(contact, "probe", effects, ttl);
      }
    } else {
      this.#socketsSent++;
      const to = { address, port: this.#walk.next() };
      // Not kept as a contact: thousands of them are sent to, and hardly one answers.
      effects.push({
        type: "send",
        socket: 0,
        to,
        bytes: this.#probe("probe", this.#cookie(0, to), NO_ECHO),
      });
    }
    this.#manyAtMs += this.#searchIntervalMs;
  }

  get #searchIntervalMs(): number {
    const sent = this.#socketsSent;
    if (this.#options.manySockets === "there")
      return sent < FAST_PORTS ? FAST_PORT_INTERVAL_MS : PORT_INTERVAL_MS;
    if (sent % MANY_SOCKETS > 0) return PORT_INTERVAL_MS;
    return sent === MANY_SOCKETS ? FIRST_SWEEP_MS : SOCKETS_SWEEP_MS;
  }

  #contactOf(socket: number, from: Endpoint): Contact | undefined {
    const known = this.#contacts.get(contactKey(socket, from));
    if (known) return known;
    if (this.#strangers >= MAX_STRANGERS) return undefined;
    this.#strangers++;
    return this.#contact(socket, from, this.#options.answersTo(from));
  }

  #contact(socket: number, remote: Endpoint, packetsLeft: number): Contact {
    const key = contactKey(socket, remote);
    let contact = this.#contacts.get(key);
    if (!contact) {
      const cookie = this.#cookie(socket, remote);
      const { address, port } = remote;
      contact = { socket, remote: { address, port }, cookie, echo: NO_ECHO, packetsLeft, isProven: false };
      this.#contacts.set(key, contact);
    }
    return contact;
  }

  #send(contact: Contact, kind: ProbeKind, effects: PunchEffect[], ttl?: number): void {
    if (contact.packetsLeft <= 0) return;
    contact.packetsLeft--;
    const bytes = this.#probe(kind, contact.cookie, contact.echo);
    effects.push({
      type: "send",
      socket: contact.socket,
      to: contact.remote,
      bytes,
      ...(ttl !== undefined && { ttl }),
    });
  }

  #probe(kind: ProbeKind, cookie: string, echo: string): Uint8Array {
    const { role, attempt, secret } = this.#options;
    return encodeProbe({ role, kind, attempt, cookie, echo }, secret);
  }

  /** Who can echo it gets what is sent to this address, and nobody can guess it. */
  #cookie(socket: number, to: Endpoint): string {
    const digest = createHmac("sha256", this.#options.cookieKey).update(contactKey(socket, to)).digest();
    return digest.toString("hex", 0, COOKIE_BYTES);
  }
}

function contactKey(socket: number, remote: Endpoint): string {
  return `${socket} ${remote.address} ${remote.port}`;
}
