import {
  addressGroup,
  encodeClientObject,
  encodeServerInfo,
  encodeUpdates,
  type Introduction,
  METHOD,
  type RejectWord,
  RosterMember,
  rosterAddress,
  ServerSession,
  type ServerSessionEffect,
  safeText,
} from "@lekt/protocol";
import { ConnectionRate } from "./connection-rate.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import type { EventLog } from "./event-log.ts";
import { Network } from "./network.ts";
import type { AuthorizeVerdict, ResolvedOptions } from "./options.ts";
import { EndOfReply, LongReply } from "./reply.ts";
import { type Link, SLOW_READER_BYTES, SLOW_READER_WINDOW_MS, Visitor } from "./visitor.ts";

export interface RendezvousClock {
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number;
  /** The wall clock, in whole seconds. */
  readonly unixSeconds: () => number;
}

/** News of at most this size goes out as one buffer that all who wait share. */
const SHORT_REPLY_BYTES = 16_384;

/**
 * The heart of the server: all connections and all networks, without sockets, timers or files. The rim tells
 * it what happens (`connected`, `receive`, `writable`, `disconnected`), calls `tick` when `nextTickMs` has
 * come, and `turn` at every step of the wheel.
 */
export class Rendezvous {
  readonly #options: ResolvedOptions;
  readonly #clock: RendezvousClock;
  readonly #log: EventLog;
  readonly #wheel: DeadlineWheel<Visitor>;
  readonly #rate: ConnectionRate;
  readonly #endOfReply = new EndOfReply();
  readonly #visitors = new Set<Visitor>();
  readonly #networks = new Map<string, Network>();
  /** Networks with changes that are not encoded yet. */
  readonly #changed = new Set<Network>();
  #nextNetworkId = 1;
  #nextTickMs = Number.POSITIVE_INFINITY;
  #clients = 0;
  #stopping = false;

  constructor(options: ResolvedOptions, clock: RendezvousClock, log: EventLog) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#wheel = new DeadlineWheel(clock.nowMs());
    this.#rate = new ConnectionRate(options.maxConnectionsPerSecond);
  }

  /** Connections of every kind, those that are being refused included. */
  get connections(): number {
    return this.#visitors.size;
  }

  /** Clients in a network, watchers included. */
  get clients(): number {
    return this.#clients;
  }

  get networks(): number {
    return this.#networks.size;
  }

  /** When `tick` is due; infinitely late where nothing changed. */
  get nextTickMs(): number {
    return this.#nextTickMs;
  }

  /** A connection came. @returns undefined where it was turned away without a word. */
  connected(link: Link): Visitor | undefined {
    const nowMs = this.#clock.nowMs();
    const address = rosterAddress(link.address);
    if (!address) {
      link.destroy();
      return undefined;
    }
    const isProtected = this.#options.acceptInsecureTokens || isLoopback(link.address);
    const session = new ServerSession(this.#options, address, isProtected, nowMs);
    const visitor = new Visitor(link, addressGroup(address), session);
    this.#visitors.add(visitor);
    if (this.#stopping) this.#refuse(visitor, "shutdown", "the server is shutting down");
    else if (this.#visitors.size > this.#options.maxClients) {
      this.#refuse(visitor, "limit", `this server is full (${this.#options.maxClients} clients)`);
    } else if (!this.#rate.admits(visitor.group, nowMs)) {
      const perSecond = this.#options.maxConnectionsPerSecond;
      this.#refuse(visitor, "rate", `more than ${perSecond} new connections a second from one address`);
    }
    this.#wheel.arm(visitor);
    return visitor;
  }

  /** @param latenessMs by how much the rim itself was late of late; not charged to clients (spec 5.14). */
  receive(visitor: Visitor, bytes: Uint8Array, latenessMs: number): void {
    visitor.session.receive(bytes, this.#clock.nowMs(), latenessMs);
    this.#carryOut(visitor, visitor.session.takeEffects());
    this.#serve(visitor);
  }

  /** The link has taken all that was written. */
  writable(visitor: Visitor): void {
    if (!visitor.blocked) return;
    visitor.blocked = false;
    visitor.pace.takenBytes += visitor.lastSliceBytes;
    if (visitor.session.phase === "rejected") return;
    if (visitor.reply) this.#writeOn(visitor, visitor.reply);
    else if (visitor.finishesReply) this.#replied(visitor);
    this.#serve(visitor);
  }

  /** The other side ended its writing: it says nothing any more, and so is no longer there. */
  departed(visitor: Visitor): void {
    visitor.departed = true;
    this.#leave(visitor);
  }

  /** The connection is gone. */
  disconnected(visitor: Visitor): void {
    this.#visitors.delete(visitor);
    this.#wheel.disarm(visitor);
    this.departed(visitor);
  }

  /** Encodes what changed, once for each network that is due, and answers those who waited for it. */
  tick(): void {
    const nowMs = this.#clock.nowMs();
    const unixSeconds = this.#clock.unixSeconds();
    this.#nextTickMs = Number.POSITIVE_INFINITY;
    for (const network of this.#changed) {
      const { roster } = network;
      if (roster.nextTickMs <= nowMs) {
        roster.tick(nowMs, unixSeconds);
        for (const visitor of network.waiting) this.#serve(visitor);
      }
      if (roster.nextTickMs === Number.POSITIVE_INFINITY) this.#changed.delete(network);
      this.#nextTickMs = Math.min(this.#nextTickMs, roster.nextTickMs);
    }
  }

  /** Every `WHEEL_STEP_MS`: keeps the deadlines. */
  turn(): void {
    this.#wheel.turn(this.#clock.nowMs(), (visitor) => this.#expired(visitor));
  }

  /** Tells everybody that the server stops; from now on newcomers are refused. */
  stop(): void {
    this.#stopping = true;
    this.#log.stopping(this.#clients);
    for (const visitor of this.#visitors) this.#refuse(visitor, "shutdown", "the server is shutting down");
  }

  /** Cuts every connection, without a word. */
  destroy(): void {
    this.#stopping = true;
    for (const visitor of this.#visitors) visitor.link.destroy();
  }

  #expired(visitor: Visitor): void {
    const { session } = visitor;
    const nowMs = this.#clock.nowMs();
    if (session.phase === "rejected") {
      visitor.link.destroy();
      return;
    }
    if (visitor.blocked) {
      // What the socket may have taken of its last slice counts in favour of the reader.
      if (visitor.pace.takenBytes + visitor.lastSliceBytes < SLOW_READER_BYTES) {
        this.#log.slowReader(visitor.link.address);
        visitor.link.destroy();
        return;
      }
      visitor.pace = { sinceMs: nowMs, takenBytes: 0 };
    } else {
      session.onDeadline(nowMs);
      this.#carryOut(visitor, session.takeEffects());
      this.#serve(visitor);
    }
    this.#wheel.arm(visitor);
  }

  #carryOut(visitor: Visitor, effects: readonly ServerSessionEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "send":
          this.#write(visitor, [effect.bytes]);
          break;
        case "introduced":
          this.#introduced(visitor, effect.introduction);
          break;
        case "rejected":
          this.#log.refused(visitor.link.address, effect.word, effect.text, this.#clock.nowMs());
          this.#leave(visitor);
          this.#write(visitor, [effect.bytes]);
          visitor.link.end();
          this.#wheel.arm(visitor);
          break;
      }
    }
  }

  #refuse(visitor: Visitor, word: RejectWord, text: string): void {
    visitor.session.reject(word, text, this.#clock.nowMs());
    this.#carryOut(visitor, visitor.session.takeEffects());
  }

  #introduced(visitor: Visitor, introduction: Introduction): void {
    visitor.introduction = introduction;
    const { authorize } = this.#options;
    if (!authorize) {
      this.#admit(visitor, introduction);
      return;
    }
    const { network, token, identity } = introduction;
    Promise.resolve()
      .then(() => authorize({ network, token, identity, address: visitor.link.address }))
      .then(
        (verdict) => this.#authorized(visitor, introduction, verdict),
        (error: unknown) => {
          this.#log.authorizeFailed(error);
          this.#refuse(visitor, "internal", "the server could not decide whether to let this client in");
        },
      );
  }

  #authorized(visitor: Visitor, introduction: Introduction, verdict: AuthorizeVerdict): void {
    if (visitor.departed || visitor.session.phase !== "admission") return;
    if (typeof verdict === "object") this.#refuse(visitor, "auth", safeText(verdict.refuse));
    else this.#admit(visitor, introduction);
  }

  #admit(visitor: Visitor, introduction: Introduction): void {
    const name = introduction.network ?? "";
    if (name === "" && !this.#options.defaultNetwork) {
      this.#refuse(
        visitor,
        "auth",
        "this server has no default network; name one in the URL: lekt://host/network",
      );
      return;
    }
    const { maxClientsPerNetwork, maxClientsPerAddress } = this.#options;
    const existing = this.#networks.get(name);
    if (existing && existing.size >= maxClientsPerNetwork) {
      this.#refuse(visitor, "limit", `this network is full (${maxClientsPerNetwork} clients)`);
      return;
    }
    if (existing && existing.clientsOf(visitor.group) >= maxClientsPerAddress) {
      this.#refuse(
        visitor,
        "limit",
        `${maxClientsPerAddress} clients from this address are in the network already`,
      );
      return;
    }
    const network = existing ?? this.#createNetwork(name);
    this.#enter(visitor, network, introduction);
  }

  #createNetwork(name: string): Network {
    const { tickMs, historyMs, historyBytes } = this.#options;
    const allocate = (bytes: number) => Buffer.allocUnsafeSlow(bytes);
    const network = new Network(this.#nextNetworkId++, name, { tickMs, historyMs, historyBytes, allocate });
    this.#networks.set(name, network);
    return network;
  }

  #enter(visitor: Visitor, network: Network, introduction: Introduction): void {
    visitor.network = network;
    network.enter(visitor.group);
    this.#clients++;
    if (!introduction.watch) {
      visitor.member = new RosterMember(introduction.ip, introduction.object);
      network.roster.add(visitor.member);
      this.#markChanged(network);
    }
    this.#log.joined({
      address: visitor.link.address,
      network: network.id,
      name: introduction.name,
      watch: introduction.watch,
      clients: network.size,
    });
    visitor.session.admit(this.#clock.nowMs());
    this.#carryOut(visitor, visitor.session.takeEffects());
    this.#wheel.arm(visitor);
  }

  #leave(visitor: Visitor): void {
    const { network, member } = visitor;
    if (!network) return;
    visitor.network = undefined;
    visitor.reply = undefined;
    network.waiting.delete(visitor);
    network.leave(visitor.group);
    this.#clients--;
    this.#log.left({ address: visitor.link.address, network: network.id, clients: network.size });
    if (network.size === 0) {
      this.#networks.delete(network.name);
      this.#changed.delete(network);
    } else if (member) {
      network.roster.remove(member, this.#clock.nowMs());
      this.#markChanged(network);
    }
  }

  #markChanged(network: Network): void {
    this.#changed.add(network);
    this.#nextTickMs = Math.min(this.#nextTickMs, network.roster.nextTickMs);
  }

  /** Answers what is pending: now, at the next tick where a change waits for it, or when the hold ends. */
  #serve(visitor: Visitor): void {
    const { session, network } = visitor;
    if (!network) return;
    const nowMs = this.#clock.nowMs();
    while (session.pendingReplies > 0 && !visitor.blocked) {
      const { roster } = network;
      if (roster.hasNewsAt(nowMs)) {
        network.waiting.add(visitor);
        return;
      }
      const hasNews = visitor.position !== roster.log.end;
      if (!session.replyDue(nowMs, hasNews)) {
        network.waiting.add(visitor);
        this.#wheel.arm(visitor);
        return;
      }
      network.waiting.delete(visitor);
      this.#reply(visitor, network, hasNews);
    }
  }

  #reply(visitor: Visitor, network: Network, hasNews: boolean): void {
    const unixSeconds = this.#clock.unixSeconds();
    const { roster } = network;
    const { position } = visitor;
    visitor.replyHasNews = hasNews;
    if (position === undefined) {
      const words = visitor.introduction?.wantsServerInfo
        ? this.#serverInfo(visitor, unixSeconds)
        : undefined;
      this.#writeOn(visitor, new LongReply(roster, roster.snapshot(unixSeconds), words));
      return;
    }
    const short = hasNews
      ? roster.shortReply(position, unixSeconds, SHORT_REPLY_BYTES)
      : this.#endOfReply.at(unixSeconds);
    if (!short) {
      this.#writeOn(visitor, new LongReply(roster, position, undefined));
      return;
    }
    visitor.position = roster.log.end;
    visitor.finishesReply = true;
    if (this.#write(visitor, [short])) this.#replied(visitor);
  }

  /** Writes slices until the reply is whole or the socket takes no more. */
  #writeOn(visitor: Visitor, reply: LongReply): void {
    visitor.reply = reply;
    for (;;) {
      const slice = reply.next(this.#endOfReply.at(this.#clock.unixSeconds()));
      if (!slice) {
        this.#refuse(visitor, "timeout", "the client fell too far behind the changes of its network");
        return;
      }
      if (reply.whole) {
        visitor.reply = undefined;
        visitor.position = reply.position;
        visitor.finishesReply = true;
      }
      if (!this.#write(visitor, slice)) return;
      if (reply.whole) break;
    }
    this.#replied(visitor);
  }

  #replied(visitor: Visitor): void {
    visitor.finishesReply = false;
    visitor.session.replied(this.#clock.nowMs(), visitor.replyHasNews);
  }

  #write(visitor: Visitor, parts: readonly Uint8Array[]): boolean {
    visitor.lastSliceBytes = 0;
    for (const part of parts) visitor.lastSliceBytes += part.length;
    if (visitor.link.write(parts)) return true;
    const nowMs = this.#clock.nowMs();
    if (nowMs - visitor.pace.sinceMs > SLOW_READER_WINDOW_MS)
      visitor.pace = { sinceMs: nowMs, takenBytes: 0 };
    visitor.blocked = true;
    this.#wheel.arm(visitor);
    return false;
  }

  #serverInfo(visitor: Visitor, unixSeconds: number): Uint8Array {
    const { address, port } = visitor.link;
    const payload = encodeServerInfo({
      you: { address, port },
      heartbeatSeconds: this.#options.heartbeatIntervalMs / 1_000,
      relay: null,
      stun: [],
    });
    const object = encodeClientObject({ ip: 0, methods: [{ index: METHOD.server, payload }] });
    let packet: Uint8Array = object;
    encodeUpdates("added", [object], BigInt(unixSeconds), (bytes) => {
      packet = new Uint8Array(bytes);
      return packet;
    });
    return packet;
  }
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./i.test(address);
}
