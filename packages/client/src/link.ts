import {
  LektError,
  type LektUrl,
  METHOD,
  type NetworkFacts,
  type RosterChange,
  RosterView,
  type ServerInfo,
  type Version,
} from "@lekt/protocol";
import type { ByteStream } from "./byte-stream.ts";
import { hostPort } from "./connect-error.ts";
import { type Offers, offersFor } from "./offers.ts";
import { OwnEntry, type OwnFacts } from "./own-entry.ts";
import { type ConnectionEnd, ReconnectPolicy } from "./reconnect-policy.ts";
import type { RoomStatus, ServerFacts } from "./room-events.ts";
import { networkFacts, serverFacts, withServerInfo } from "./server-facts.ts";
import { SessionDriver } from "./session-driver.ts";
import type { Settings } from "./settings.ts";
import { TokenGuard } from "./token-guard.ts";

/** What the link tells the room. */
export interface LinkHooks {
  onStatus(status: RoomStatus): void;
  onServer(server: ServerFacts): void;
  /** What is known of this network: with the first roster of a connection, and whenever the server says more. */
  onNetwork(facts: NetworkFacts): void;
  /** `own` finds the own entry; a watcher has none. `first`: the first roster of a connection. */
  onChanges(changes: readonly RosterChange[], own: OwnEntry | undefined, first: boolean): void;
  /** A signal of whoever shows the identity `from`; empty: the own one to `from` came back (spec 8.1.4). */
  onSignal?(from: Uint8Array, payload: Uint8Array): void;
  /** Nothing follows. */
  onGivenUp(error: LektError): void;
}

/** Keeps the room connected: one connection after the other, for as long as there is hope. */
export class Link {
  readonly #settings: Settings;
  readonly #hooks: LinkHooks;
  readonly #policy: ReconnectPolicy;
  readonly #guard: TokenGuard;
  /** The roster outlives connections. */
  readonly #view: RosterView;
  readonly #lifetime = new AbortController();
  /** What every connection offers; `update` replaces parts of it. */
  readonly #offers: Map<number, Uint8Array>;
  readonly #done: Promise<void>;
  #driver: SessionDriver | undefined;

  constructor(settings: Settings, hooks: LinkHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#offers = new Map(settings.offers);
    this.#view = new RosterView(settings);
    this.#guard = new TokenGuard(settings.home, settings.allowInsecureToken);
    this.#policy = new ReconnectPolicy({
      home: settings.home,
      waitForServer: settings.waitForServer,
      baseMs: settings.backoffBaseMs,
      capMs: settings.backoffCapMs,
      random: Math.random,
    });
    this.#done = this.#run();
  }

  /** Number of the attempt under way, or of the next one. */
  get attempt(): number {
    return this.#policy.attempt;
  }

  /** Replaces what is published, now and on later connections. @returns whether the server took all of it in place. */
  update(offers: Offers): boolean {
    let taken = true;
    for (const [method, payload] of offers) {
      this.#offers.set(method, payload);
      taken = (this.#driver?.update(method, payload) ?? false) && taken;
    }
    return taken;
  }

  /**
   * Sends a signal, best effort (spec 8.1).
   * @returns false where there is no connection now, or one without signals.
   */
  signal(to: Uint8Array, payload: Uint8Array): boolean {
    return this.#driver?.signal(to, payload) ?? false;
  }

  /** At once. Resolves when nothing of it is left. */
  close(): Promise<void> {
    this.#lifetime.abort();
    this.#driver?.stop();
    return this.#done;
  }

  /** In order, where there is a connection. */
  drain(): Promise<void> {
    this.#lifetime.abort();
    this.#driver?.drain();
    return this.#done;
  }

  /** Tells what was replaced while the connection was being made. */
  #catchUp(told: Offers): void {
    for (const [method, payload] of this.#offers) {
      if (told.has(method) && told.get(method) !== payload) this.#driver?.update(method, payload);
    }
  }

  get #isClosing(): boolean {
    return this.#lifetime.signal.aborted;
  }

  async #run(): Promise<void> {
    let error: LektError | undefined;
    for (;;) {
      this.#hooks.onStatus({ state: "connecting", attempt: this.attempt, ...(error && { error }) });
      if (this.#isClosing) return;
      const end = await this.#connect(this.#policy.target);
      if (this.#isClosing) return;
      error = end.error;
      const step = this.#policy.after(end);
      if (step.type === "give-up") {
        this.#hooks.onGivenUp(step.error);
        return;
      }
      if (step.type === "connect") continue;
      const retryInMs = Math.round(step.delayMs);
      this.#hooks.onStatus({ state: "waiting", attempt: this.attempt, error, retryInMs });
      await pause(step.delayMs, this.#lifetime.signal);
      if (this.#isClosing) return;
    }
  }

  /** One connection, from dialling to its end. */
  async #connect(url: LektUrl): Promise<ConnectionEnd> {
    try {
      const offers = offersFor(this.#offers, url);
      this.#guard.checkUrl(offers, url);
      const stream = await this.#dial(url);
      try {
        if (this.#isClosing) throw closed();
        this.#guard.check(offers, url, stream.remoteAddress);
      } catch (error) {
        await discard(stream);
        throw error;
      }
      return await this.#converse(url, offers, stream);
    } catch (error) {
      return { error: connectFault(error, url), broughtRoster: false };
    }
  }

  #dial({ host, port }: LektUrl): Promise<ByteStream> {
    const timeoutMs = this.#settings.connectTimeoutMs;
    return this.#settings.dial({ host, port, timeoutMs, signal: this.#lifetime.signal });
  }

  async #converse(url: LektUrl, offers: OwnFacts["offers"], stream: ByteStream): Promise<ConnectionEnd> {
    const { host, port } = url;
    const { heartbeatIntervalMs, setupTimeoutMs } = this.#settings;
    const address = hostPort(stream.remoteAddress ?? host, stream.remotePort ?? port);
    const { localAddress, localPort } = stream;
    let facts: ServerFacts | undefined;
    let hasRoster = false;
    let asked: readonly number[] = [];
    let own: OwnEntry | undefined;
    const options = { offers, view: this.#view, heartbeatIntervalMs, setupTimeoutMs, host, port };
    const driver = new SessionDriver(options, stream, {
      onReady: (version: Version, askedMethods) => {
        asked = askedMethods;
        facts = serverFacts(version, address);
        this.#catchUp(offers);
        this.#hooks.onServer(facts);
        this.#hooks.onStatus({ state: "online", attempt: this.attempt });
      },
      onServerInfo: (info: Partial<ServerInfo>) => {
        if (!facts) return;
        facts = withServerInfo(facts, info);
        this.#hooks.onServer(facts);
        if (hasRoster) this.#hooks.onNetwork(networkFacts(facts, localAddress, localPort));
      },
      onChanges: (changes, first) => {
        // A server that knows nothing of watching shows everybody.
        if (first && !asked.includes(METHOD.watch))
          own = new OwnEntry({
            offers,
            asked,
            toldAddress: facts?.you?.address,
            toldSession: facts?.you?.session,
            localAddress,
            hasSession: (session) => this.#view.hasSession(session),
          });
        this.#hooks.onChanges(changes, own, first);
        if (first && facts) this.#hooks.onNetwork(networkFacts(facts, localAddress, localPort));
        hasRoster = true;
      },
      onSignal: (from, payload) => this.#hooks.onSignal?.(from, payload),
    });
    this.#driver = driver;
    const end = await driver.ended;
    this.#driver = undefined;
    return end;
  }
}

function closed(): LektError {
  return new LektError("LEKT_CLOSED", "The room was closed.");
}

function connectFault(error: unknown, { host, port }: LektUrl): LektError {
  if (error instanceof LektError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new LektError("LEKT_CONNECT", `Could not connect to ${hostPort(host, port)}: ${why}`, {
    cause: error,
  });
}

function discard(stream: ByteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.open({ onData: () => {}, onEnd: () => {}, onClose: () => resolve() });
    stream.destroy();
  });
}

/** Resolves when the time is over or the signal fires. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal.addEventListener("abort", finish, { once: true });
  });
}
