import { once } from "node:events";
import { hostname } from "node:os";
import type { Duplex } from "node:stream";
import {
  type ConnectionHandler,
  type ConnectionMethod,
  type ConnectionOptions,
  type ConnectionRequest,
  type ConnectOptions,
  join,
  type LektIdentity,
  type Peer,
  type PeerStream,
  type Room,
} from "@lekt/client";
import { equalBytes, identityText, LektError, parseLektUrl } from "@lekt/protocol";
import { clientOptionsOf, urlOf } from "../client-flags.ts";
import { configFolder } from "../config-folder.ts";
import { EXIT } from "../exit-codes.ts";
import { KnownPeers, networkOf } from "../known-peers.ts";
import { ownIdentity } from "../own-identity.ts";
import { onStopSignal, wasStopped } from "../stop-signals.ts";
import { findPeer, namesOf, peerIn } from "./find-peer.ts";
import { type Note, noter } from "./notes.ts";
import { METHOD_NAMES, type MethodName, PEER_TIMEOUT_MS, type PeerFlags } from "./peer-flags.ts";
import { isIdentity, PeerGate } from "./peer-gate.ts";
import { PING_LABEL, pingAnswerer } from "./ping-label.ts";
import { StrangerNotes } from "./stranger-notes.ts";

/** Loaded where peers connect: no other command has to wait for what they need. */
const METHODS: Readonly<Record<MethodName, () => Promise<ConnectionMethod<Duplex>>>> = {
  tcp: async () => (await import("@lekt/methods/tcp")).tcp(),
  udp: async () => (await import("@lekt/methods/udp")).udp(),
  relay: async () => (await import("@lekt/methods/relay")).relay(),
};

interface PeerRoomParts {
  readonly identity: LektIdentity;
  readonly gate: PeerGate;
  readonly stopped: AbortSignal;
  readonly json: boolean;
  /** As it is called where names are remembered. */
  readonly network: string;
  readonly known: KnownPeers;
  readonly timeoutMs: number;
  readonly forgetSignals: () => void;
}

/** A room of a command that connects peers: own identity, all methods, and who is let in. */
export class PeerRoom implements AsyncDisposable {
  readonly room: Room;
  readonly identity: LektIdentity;
  readonly gate: PeerGate;
  /** A line for the user on stderr, beside what the command writes. */
  readonly note: Note;
  /** Fired by SIGINT and SIGTERM. */
  readonly stopped: AbortSignal;
  readonly #network: string;
  readonly #known: KnownPeers;
  readonly #timeoutMs: number;
  readonly #forgetSignals: () => void;
  readonly #strangers: StrangerNotes;
  /** That are open. */
  readonly #streams = new Set<PeerStream>();
  /** That peers cannot be remembered. */
  #isTroubleTold = false;

  private constructor(room: Room, { identity, gate, stopped, ...parts }: PeerRoomParts) {
    this.room = room;
    this.identity = identity;
    this.gate = gate;
    this.stopped = stopped;
    this.note = noter(parts.json);
    this.#strangers = new StrangerNotes(this.note);
    this.#network = parts.network;
    this.#known = parts.known;
    this.#timeoutMs = parts.timeoutMs;
    this.#forgetSignals = parts.forgetSignals;
  }

  /** @param urlOrFile the URL, or `@FILE`. @throws LektError, as `join` of the client library does */
  static async join(urlOrFile: string, flags: PeerFlags, env: NodeJS.ProcessEnv): Promise<PeerRoom> {
    const url = urlOf(urlOrFile);
    const { networkKey } = parseLektUrl(url);
    const gate = new PeerGate(flags.allow ?? [], networkKey !== undefined);
    const folder = configFolder(env);
    const identity = await ownIdentity(folder, flags.identityFile);
    const known = new KnownPeers(folder);
    known.check();
    const stopping = new AbortController();
    const forgetSignals = onStopSignal(() => stopping.abort(), EXIT.failed);
    const room = await join(url, {
      ...clientOptionsOf(flags, env),
      name: flags.name ?? hostname().slice(0, 64),
      identity,
      methods: await Promise.all((flags.methods ?? METHOD_NAMES).map((name) => METHODS[name]())),
      signal: stopping.signal,
    });
    const joined = new PeerRoom(room, {
      identity,
      gate,
      stopped: stopping.signal,
      json: flags.json === true,
      network: networkOf(url),
      known,
      timeoutMs: flags.timeout ?? PEER_TIMEOUT_MS,
      forgetSignals,
    });
    joined.onConnection(PING_LABEL, pingAnswerer(), (remote) =>
      joined.#strangers.tell(
        `Somebody at ${remote.replace(/:\d+$/, "")}`,
        "it did not prove that it has the network key",
      ),
    );
    joined.#noteTwin();
    joined.#noteBreaks();
    return joined;
  }

  /** For a command that is there until it is stopped. @returns undefined where that comes before the server does */
  static async joinUnlessStopped(
    ...[urlOrFile, flags, env]: Parameters<typeof PeerRoom.join>
  ): Promise<PeerRoom | undefined> {
    try {
      return await PeerRoom.join(urlOrFile, flags, env);
    } catch (error) {
      if (wasStopped()) return undefined;
      throw error;
    }
  }

  /**
   * Resolves at SIGINT and SIGTERM.
   * @throws LektError where the room has closed for good: the server refuses it. Not before open streams have ended
   */
  async untilStopped(): Promise<undefined> {
    const { stopped } = this;
    const error = await this.#refusal();
    if (!error) return undefined;
    if (this.#streams.size > 0) this.note(`${error.message} What is connected goes on, and then this ends.`);
    for (const stream of this.#streams) {
      await once(stream, "close", { signal: stopped }).catch(() => {});
      if (stopped.aborted) return undefined;
    }
    throw error;
  }

  /** Why the server does not want this client back; undefined where it is stopped before that. */
  #refusal(): Promise<LektError | undefined> {
    const { room, stopped } = this;
    return new Promise((resolve) => {
      const look = () => {
        if (stopped.aborted) resolve(undefined);
        else if (room.status.state === "closed") resolve(room.status.error);
      };
      stopped.addEventListener("abort", look, { once: true });
      if (room.status.state !== "closed") room.on(look);
      look();
    });
  }

  #keep(stream: PeerStream): void {
    this.#streams.add(stream);
    stream.once("close", () => this.#streams.delete(stream));
  }

  /** Two commands of one user: peers that look for the one may find the other. */
  #noteTwin(): void {
    const { fingerprint } = this.identity;
    const twin = this.room.peers.find(
      ({ identity, stale }) => identity && !stale && equalBytes(identity, fingerprint),
    );
    if (!twin) return;
    this.note(
      `Another command of yours is in this network as ${twin.name ?? "a client without a name"}, with the same identity: ` +
        "peers may reach that one instead. Give this one its own with --identity-file.",
    );
  }

  /** While the server is away nobody new can be found, and what is there goes on. */
  #noteBreaks(): void {
    let isAway = false;
    this.room.on((event) => {
      if (event.type !== "status") return;
      const { state, error } = event.status;
      if (state === "waiting" && !isAway) {
        isAway = true;
        this.note(`The connection to the server is gone, and is being made again. ${error.message}`);
      } else if (state === "online" && isAway) {
        isAway = false;
        this.note("The server is back.");
      }
    });
  }

  /** Tells where a peer that will be wanted is not there yet. */
  noteIfAbsent(wanted: string): void {
    const { peers } = this.room;
    if (!peerIn(peers, wanted)) this.note(`${wanted} is not there yet. There ${namesOf(peers)}.`);
  }

  /**
   * Connects to the peer with this name or identity, as soon as it is there. Who names an identity allows it.
   * @throws LektError, `LEKT_PEER_IDENTITY` where the peer is a stranger
   */
  async connect(wanted: string, options: ConnectOptions = {}): Promise<PeerStream> {
    const peer = await findPeer(this.room, wanted, this.#timeoutMs, this.stopped, this.note);
    if (isIdentity(wanted)) this.#noteChange(peer);
    else {
      this.#throwIfAnother(peer);
      this.gate.throwIfStranger(peer.name, peer.identity as Uint8Array);
    }
    const stream = await this.room.connect(peer, { signal: this.stopped, ...options }).catch((cause) => {
      if (!this.stopped.aborted) throw cause;
      throw new LektError("LEKT_ABORTED", `Stopped before ${wanted} was connected.`, { cause });
    });
    // Not before: who only claims a name, and proves nothing, must not take it from its bearer.
    this.#orTell(() => this.#remember(peer));
    this.#keep(stream);
    return stream;
  }

  /** Hands on connections of those who are let in; others are refused. */
  onConnection(
    label: string,
    handler: ConnectionHandler,
    onStranger?: ConnectionOptions["onStranger"],
  ): () => void {
    return this.room.onConnection(
      label,
      (stream, peer) => {
        this.#keep(stream);
        if (peer) this.#greet(peer);
        handler(stream, peer);
      },
      { accept: (request) => this.#admits(request), ...(onStranger && { onStranger }) },
    );
  }

  #admits({ identity, peer }: ConnectionRequest): boolean {
    if (this.gate.admits(identity)) return true;
    const who =
      peer?.name === undefined ? identityText(identity) : `${peer.name} (${identityText(identity)})`;
    this.#strangers.tell(who, "it is nobody whom --allow names");
    return false;
  }

  /** @throws LektError `LEKT_PEER_IDENTITY` where another one had the name, and nothing else vouches for this one */
  #throwIfAnother(peer: Peer): void {
    const before = this.#noteChange(peer);
    if (before === undefined || (peer.identity && this.gate.names(peer.identity))) return;
    throw new LektError(
      "LEKT_PEER_IDENTITY",
      `${peer.name} is another one than before: its identity was ${before}. ` +
        `Where that is right, say --allow ${identityText(peer.identity as Uint8Array)}.`,
    );
  }

  /** A peer that has proven its identity, and was let in, although its name may have been another one's. */
  #greet(peer: Peer): void {
    this.#orTell(() => {
      const before = this.#noteChange(peer);
      if (before === undefined || (peer.identity && this.gate.names(peer.identity))) this.#remember(peer);
    });
  }

  /** For what is remembered of peers that were let in: where it cannot be, that is told once, and nothing ends. */
  #orTell(work: () => void): void {
    try {
      work();
      this.#isTroubleTold = false;
    } catch (error) {
      if (!(error instanceof LektError)) throw error;
      if (!this.#isTroubleTold) this.note(error.message);
      this.#isTroubleTold = true;
    }
  }

  /** @returns the identity that the name had before, where it is another one: that is told. */
  #noteChange({ name, identity }: Peer): string | undefined {
    if (name === undefined || !identity) return undefined;
    const acquaintance = this.#known.acquaintance(this.#network, name, identity);
    if (acquaintance.type !== "changed") return undefined;
    const before = identityText(acquaintance.before);
    this.note(`${name} has another identity than before: ${identityText(identity)}, and not ${before}.`);
    return before;
  }

  /** That this identity has the name, as it proved the one, and nobody else in the roster claims to be it. */
  #remember({ name, identity }: Peer): void {
    if (name === undefined || !identity) return;
    const isDoubtful = this.room.peers.some(
      (other) => other.identity && equalBytes(other.identity, identity) && other.name !== name,
    );
    const { type } = this.#known.acquaintance(this.#network, name, identity);
    if (isDoubtful || type === "known") return;
    this.#known.remember(this.#network, name, identity);
    if (type === "new") this.note(`${name} has the identity ${identityText(identity)}; it is remembered.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forgetSignals();
    await this.room.close();
  }
}

/** "udp, directly, 203.0.113.7:4000, 12 ms" */
export function pathText({ path }: PeerStream): string {
  const { method, remote, relayed, roundTripMs } = path;
  const way = relayed ? "over the relay" : "directly";
  const time = roundTripMs === undefined ? "" : `, ${Math.round(roundTripMs * 10) / 10} ms`;
  return `${method}, ${way}, ${remote}${time}`;
}

/** "ada (4k7q-…)" of whoever is at the other end. */
export function peerText(stream: PeerStream, peer: Peer | undefined): string {
  const text = identityText(stream.identity);
  return peer?.name === undefined ? text : `${peer.name} (${text})`;
}
