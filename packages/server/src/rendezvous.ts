import {
  type AddressGroup,
  addressGroup,
  HistoryBudget,
  type Introduction,
  type RejectWord,
  RosterMember,
  rosterAddress,
  SESSION_BYTES,
  ServerSession,
  type ServerSessionEffect,
  type ServerSessionOptions,
  safeText,
} from "@lekt/protocol";
import { ConnectionRate } from "./connection-rate.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import type { EventLog } from "./event-log.ts";
import { Network } from "./network.ts";
import { type AuthorizeVerdict, DESCRIPTOR_RESERVE, type ResolvedOptions } from "./options.ts";
import { ReplyWriter } from "./reply-writer.ts";
import { SignalRouter } from "./signal-router.ts";
import { Slab } from "./slab.ts";
import type { Surroundings } from "./surroundings.ts";
import { Ticks } from "./ticks.ts";
import { type Link, Visitor } from "./visitor.ts";

/** Of the descriptors kept in reserve, so many may tell the refused why; who comes then is cut off. */
const REFUSED_AT_ONCE = DESCRIPTOR_RESERVE / 2;

/** The same for those who may be about to ask for a circuit at a full server. */
const SEEK_CIRCUITS_AT_ONCE = DESCRIPTOR_RESERVE / 4;

/** So many are done in one turn of the event loop, which then looks after its sockets. More wait for the next turn. */
const ERRANDS_PER_TURN = 128;

interface Refusal {
  readonly word: RejectWord;
  readonly text: string;
}

/**
 * The heart of the server: all connections and all networks, without sockets, timers or files. The rim tells
 * it what happens (`connected`, `receive`, `writable`, `disconnected`), calls `tick` when `nextTickMs` has
 * come, and `turn` at every step of the wheel.
 */
export class Rendezvous {
  readonly #options: ResolvedOptions;
  readonly #sessionOptions: ServerSessionOptions;
  readonly #surroundings: Surroundings;
  readonly #log: EventLog;
  readonly #wheel: DeadlineWheel<Visitor>;
  readonly #rate: ConnectionRate;
  readonly #replies: ReplyWriter;
  readonly #ticks: Ticks;
  readonly #signals: SignalRouter;
  readonly #historyBudget: HistoryBudget;
  readonly #visitors = new Set<Visitor>();
  readonly #networks = new Map<string, Network>();
  /** Those who are to be told that the server stops, and those whose deadline has come. */
  readonly #errands = new Set<Visitor>();
  #nextNetworkId = 1;
  #clients = 0;
  /** Connections that have got a Reject and are about to end. */
  #refused = 0;
  #stopping = false;

  constructor(options: ResolvedOptions, surroundings: Surroundings, log: EventLog) {
    this.#options = options;
    const slab = new Slab();
    this.#sessionOptions = { ...options, allocate: (bytes) => slab.take(bytes) };
    this.#surroundings = surroundings;
    this.#log = log;
    this.#wheel = new DeadlineWheel(surroundings.nowMs());
    this.#historyBudget = new HistoryBudget(options.totalHistoryBytes);
    this.#rate = new ConnectionRate(options.maxConnectionsPerSecond);
    this.#replies = new ReplyWriter(surroundings, options.heartbeatIntervalMs / 1_000, options.historyMs, {
      deadlineMoved: (visitor) => this.#wheel.arm(visitor),
      fellBehind: (visitor) =>
        this.#refuse(visitor, "timeout", "the client fell too far behind the changes of its network"),
    });
    this.#ticks = new Ticks(this.#replies, surroundings);
    this.#signals = new SignalRouter(this.#replies, surroundings.nowMs, surroundings.services);
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

  /** When `tick` is due: at once where it left something for the next turn, infinitely late where nothing changed. */
  get nextTickMs(): number {
    const hasLeftOver = this.#errands.size > 0 || this.#replies.hasPaused;
    return hasLeftOver ? Number.NEGATIVE_INFINITY : this.#ticks.nextMs;
  }

  /** A connection came. @returns undefined where it was turned away without a word. */
  connected(link: Link): Visitor | undefined {
    const nowMs = this.#surroundings.nowMs();
    const address = rosterAddress(link.address);
    if (!address) {
      link.destroy();
      return undefined;
    }
    const group = addressGroup(address);
    const onlyCircuits = this.#isFull && this.#takesCircuitsWhenFull;
    const refusal = this.#refusalOf(group, nowMs, onlyCircuits);
    if (refusal && this.#refused >= REFUSED_AT_ONCE) {
      link.destroy();
      return undefined;
    }
    const isProtected = this.#options.acceptInsecureTokens || isLoopback(link.address);
    const session = new ServerSession(this.#sessionOptions, address, isProtected, nowMs);
    const visitor = new Visitor(link, session, this.#surroundings.random(SESSION_BYTES));
    visitor.onlyCircuits = onlyCircuits;
    this.#visitors.add(visitor);
    if (refusal) this.#refuse(visitor, refusal.word, refusal.text);
    this.#wheel.arm(visitor);
    return visitor;
  }

  /** @param latenessMs by how much the rim itself was late of late; not charged to clients (spec 5.14). */
  receive(visitor: Visitor, bytes: Uint8Array, latenessMs: number): void {
    try {
      visitor.session.receive(bytes, this.#surroundings.nowMs(), latenessMs);
      this.#carryOut(visitor, visitor.session.takeEffects());
      this.#replies.flushSignals();
      this.#replies.serve(visitor);
    } catch (error) {
      // A defect of this server costs one client its connection, and nobody else anything.
      this.#log.failed(error);
      this.#refuse(visitor, "internal", "the server failed at a packet of this client");
    }
  }

  /** The link has taken all that was written. */
  writable(visitor: Visitor): void {
    this.#replies.writable(visitor);
  }

  /** The other side ended its writing: it says nothing any more, and so is no longer there. */
  departed(visitor: Visitor): void {
    visitor.departed = true;
    this.#leave(visitor);
  }

  /** The connection is gone. */
  disconnected(visitor: Visitor): void {
    this.#visitors.delete(visitor);
    this.#errands.delete(visitor);
    if (visitor.session.phase === "rejected") this.#refused--;
    this.#wheel.disarm(visitor);
    this.departed(visitor);
  }

  /**
   * Encodes what changed, once for each network that is due, and answers those who waited for it. What is too
   * much for one turn of the event loop is left for the next call, which is due at once.
   */
  tick(): void {
    this.#runErrands();
    this.#replies.resume();
    this.#ticks.run();
  }

  /** Every `WHEEL_STEP_MS`: keeps the deadlines. */
  turn(): void {
    this.#log.sumUpRefusals(this.#surroundings.nowMs());
    this.#wheel.turn(this.#surroundings.nowMs(), (visitor) => this.#errands.add(visitor));
    this.#runErrands();
  }

  /** Tells everybody that the server stops; from now on newcomers are refused. */
  stop(): void {
    this.#stopping = true;
    this.#log.stopping(this.#clients);
    for (const visitor of this.#visitors) this.#errands.add(visitor);
    this.#runErrands();
  }

  #runErrands(): void {
    let left = ERRANDS_PER_TURN;
    for (const visitor of this.#errands) {
      if (left-- === 0) return;
      this.#errands.delete(visitor);
      if (this.#stopping) this.#refuse(visitor, "shutdown", "the server is shutting down");
      if (visitor.deadlineMs <= this.#surroundings.nowMs()) this.#expired(visitor);
      else this.#wheel.arm(visitor);
    }
  }

  /** Cuts every connection, without a word. */
  destroy(): void {
    this.#stopping = true;
    for (const visitor of this.#visitors) visitor.link.destroy();
  }

  #expired(visitor: Visitor): void {
    const { session } = visitor;
    const nowMs = this.#surroundings.nowMs();
    if (session.phase === "rejected") {
      visitor.link.destroy();
      return;
    }
    if (visitor.paceDeadlineMs <= nowMs && !this.#replies.keepsPace(visitor)) {
      this.#log.slowReader(visitor.address);
      visitor.link.destroy();
      return;
    }
    session.onDeadline(nowMs);
    this.#carryOut(visitor, session.takeEffects());
    this.#replies.serve(visitor);
    this.#wheel.arm(visitor);
  }

  #carryOut(visitor: Visitor, effects: readonly ServerSessionEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "send":
          if (visitor.onlyCircuits) {
            this.#refuse(visitor, "limit", this.#fullText);
            return;
          }
          this.#replies.write(visitor, [effect.bytes]);
          break;
        case "introduced":
          this.#introduced(visitor, effect.introduction);
          break;
        case "updated":
          this.#updated(visitor, effect.object);
          break;
        case "circuit":
          this.#handOver(visitor, effect.token, effect.early);
          break;
        case "signal":
          this.#signals.route(visitor, effect.to, effect.payload);
          break;
        case "rejected":
          this.#refused++;
          this.#log.refused(visitor.address, effect.word, effect.text, this.#surroundings.nowMs());
          this.#leave(visitor);
          this.#replies.write(visitor, [effect.bytes]);
          visitor.link.end();
          this.#wheel.arm(visitor);
          break;
      }
    }
  }

  get #isFull(): boolean {
    return this.#visitors.size - this.#refused >= this.#options.maxClients;
  }

  /** Clients need circuits also where there are no places left; so many may be on their way to one. */
  get #takesCircuitsWhenFull(): boolean {
    const most = this.#options.maxClients + SEEK_CIRCUITS_AT_ONCE;
    return this.#surroundings.services?.relaysHere === true && this.#visitors.size - this.#refused < most;
  }

  get #fullText(): string {
    return `this server is full (${this.#options.maxClients} clients)`;
  }

  /** Why a new connection may not even begin, or undefined. */
  #refusalOf(group: AddressGroup, nowMs: number, onlyCircuits: boolean): Refusal | undefined {
    const { maxConnectionsPerSecond } = this.#options;
    if (this.#stopping) return { word: "shutdown", text: "the server is shutting down" };
    if (this.#isFull && !onlyCircuits) return { word: "limit", text: this.#fullText };
    if (this.#rate.admits(group, nowMs)) return undefined;
    return {
      word: "rate",
      text: `more than ${maxConnectionsPerSecond} new connections a second from one address`,
    };
  }

  #refuse(visitor: Visitor, word: RejectWord, text: string): void {
    visitor.session.reject(word, text, this.#surroundings.nowMs());
    this.#carryOut(visitor, visitor.session.takeEffects());
  }

  #introduced(visitor: Visitor, introduction: Introduction): void {
    // Who broke a rule right behind its last answer is refused already.
    if (visitor.session.phase !== "admission") return;
    const { authorize } = this.#options;
    if (!authorize) {
      this.#admit(visitor, introduction);
      return;
    }
    const { network, token, identity } = introduction;
    Promise.resolve()
      .then(() => authorize({ network, token, identity, address: visitor.address }))
      .then(refusalIn, (error: unknown) => {
        this.#log.authorizeFailed(error);
        return {
          word: "internal",
          text: "the server could not decide whether to let this client in",
        } as const;
      })
      .then((refusal) => {
        const { act = (deed) => deed() } = this.#surroundings;
        act(() => {
          // It may have left meanwhile, or have been refused for another reason.
          if (visitor.departed || visitor.session.phase !== "admission") return;
          if (refusal) this.#refuse(visitor, refusal.word, refusal.text);
          else this.#admit(visitor, introduction);
        });
      });
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
    const { random } = this.#surroundings;
    const network = new Network(this.#nextNetworkId++, name, {
      tickMs,
      historyMs,
      historyBytes,
      budget: this.#historyBudget,
      allocate,
      random,
    });
    this.#networks.set(name, network);
    return network;
  }

  #enter(visitor: Visitor, network: Network, introduction: Introduction): void {
    visitor.network = network;
    network.enter(visitor.group);
    visitor.edition = network.roster.enter(introduction.wantsSessions);
    visitor.wantsServerInfo = introduction.wantsServerInfo;
    visitor.wantsTokens = introduction.resumeToken !== undefined;
    visitor.resumeToken = introduction.resumeToken;
    this.#clients++;
    if (!introduction.watch) {
      visitor.member = new RosterMember(introduction.ip, introduction.object, visitor.sessionId);
      network.roster.add(visitor.member);
      this.#ticks.changed(network);
    }
    if (this.#log.tellsOfClients) {
      const { name, watch } = introduction;
      this.#log.joined({
        address: visitor.address,
        network: network.id,
        name,
        watch,
        clients: network.size,
      });
    }
    visitor.session.admit(this.#surroundings.nowMs());
    this.#carryOut(visitor, visitor.session.takeEffects());
    network.listen(visitor);
    this.#wheel.arm(visitor);
  }

  /** From now on the connection is the relay's (spec 8.2). */
  #handOver(visitor: Visitor, token: Uint8Array, early: Uint8Array): void {
    const { services } = this.#surroundings;
    if (this.#stopping) {
      this.#refuse(visitor, "shutdown", "the server is shutting down");
      return;
    }
    if (!services?.relay(visitor.link, token, early)) {
      this.#refuse(visitor, "auth", "this server is no relay");
      return;
    }
    this.#visitors.delete(visitor);
    this.#errands.delete(visitor);
    this.#wheel.disarm(visitor);
  }

  #updated(visitor: Visitor, object: Uint8Array): void {
    const { network, member } = visitor;
    network?.listen(visitor);
    if (!network || !member) return;
    network.roster.change(member, object, this.#surroundings.nowMs());
    this.#ticks.changed(network);
  }

  #leave(visitor: Visitor): void {
    const { network, member, edition } = visitor;
    if (!network) return;
    const nowMs = this.#surroundings.nowMs();
    visitor.network = undefined;
    visitor.reply = undefined;
    network.waiting.delete(visitor);
    network.due.delete(visitor);
    network.stopListening(visitor);
    visitor.signals = undefined;
    this.#replies.forget(visitor);
    network.leave(visitor.group);
    if (edition) network.roster.exit(edition, nowMs, visitor.wantsTokens);
    visitor.edition = undefined;
    this.#clients--;
    if (this.#log.tellsOfClients) {
      this.#log.left({ address: visitor.address, network: network.id, clients: network.size });
    }
    if (network.size === 0) {
      network.roster.close();
      this.#networks.delete(network.name);
      this.#ticks.forget(network);
    } else if (member) {
      network.roster.remove(member, nowMs);
      this.#ticks.changed(network);
    }
  }
}

/** Only a clear yes lets a client in: a program without types may return anything. */
function refusalIn(verdict: AuthorizeVerdict): Refusal | undefined {
  if (verdict === undefined || verdict === true) return undefined;
  const reason: unknown = (verdict as { refuse?: unknown } | null)?.refuse;
  return { word: "auth", text: typeof reason === "string" ? safeText(reason) : "this client may not join" };
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./i.test(address);
}
