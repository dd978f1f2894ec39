import type { Duplex } from "node:stream";
import { fromHex, LektError, type RawPath, scopedAddress, tlsSide, toHex } from "@lekt/protocol";
import type { Peer } from "../peer.ts";
import { ConnectionHandlers, type LabelEntry } from "./connection-handlers.ts";
import type { PathOwner } from "./method-bench.ts";
import { peerStreamOf } from "./peer-stream.ts";
import { type SecuredPath, type SecuredPeer, type SecurePathOptions, securePath } from "./secure-path.ts";
import { hostOf, originOf, SecuringLimit } from "./securing-limit.ts";

export interface PathAcceptorOptions extends Pick<SecurePathOptions, "identity" | "networkKey"> {
  /** For TLS, preamble and the decision: peers may hold a path until its turn in their race comes. */
  readonly timeoutMs: number;
  /** The same, where the path was agreed on by signals. */
  readonly agreedTimeoutMs: number;
  /** How long a peer may take to come into the roster. */
  readonly rosterWaitMs: number;
  /** From then on nothing is accepted. */
  readonly closing: AbortSignal;
  /** Whoever shows the identity; at this address, where one does. */
  peer(identity: string, address: string | undefined): Peer | undefined;
}

/** Secures the paths that peers open, decides who is let in, and hands the streams on. */
export class PathAcceptor {
  readonly handlers = new ConnectionHandlers();
  readonly #options: PathAcceptorOptions;
  readonly #limit = new SecuringLimit();
  /** Called when the roster changes. */
  readonly #rosterWaiters = new Set<() => void>();

  constructor(options: PathAcceptorOptions) {
    this.#options = options;
  }

  rosterChanged(): void {
    for (const look of this.#rosterWaiters) look();
  }

  /** Hands the path on as a stream, or destroys it. */
  async accept(method: string, raw: RawPath<Duplex>, by: PathOwner): Promise<void> {
    const { stream } = raw;
    const origin = originOf(raw, by);
    stream.on("error", () => {});
    // Where both dialled, the identities say who begins: who is unknown cannot be waited for.
    const isAmbiguous = raw.dialled === "both" && !by;
    if (this.#options.closing.aborted || isAmbiguous || !this.#limit.take(origin)) {
      stream.destroy();
      return;
    }
    try {
      let entry: LabelEntry | undefined;
      const secured = await this.#secure(raw, by, async (peer) => {
        entry = await this.#entryThatTakes(peer, addressOf(raw));
        return entry !== undefined;
      });
      const identity = toHex(secured.identity);
      const trace = { peer: identity, attempts: [], omitted: 0 };
      const peer = this.#options.peer(identity, addressOf(raw));
      if (entry) this.handlers.hand(entry, peerStreamOf({ method, raw, secured }, trace), peer);
    } catch (error) {
      // The peer knows why, or was never there.
      stream.destroy();
      const isStranger = error instanceof LektError && error.code === "LEKT_NETWORK_KEY";
      if (isStranger) this.handlers.tellStranger(raw.remote);
    } finally {
      this.#limit.giveBack(origin);
    }
  }

  #secure(
    raw: RawPath<Duplex>,
    by: PathOwner,
    accept: (peer: SecuredPeer) => Promise<boolean>,
  ): Promise<SecuredPath> {
    const { identity, networkKey, timeoutMs, agreedTimeoutMs, closing } = this.#options;
    const expected = by && fromHex(by.identity);
    return securePath(raw.stream, {
      identity,
      ...(networkKey && { networkKey }),
      ...(expected && { expected }),
      role: "accepting",
      tls: tlsSide(raw.dialled, toHex(identity.fingerprint), by?.identity ?? ""),
      accept,
      timeoutMs: by ? agreedTimeoutMs : timeoutMs,
      signal: closing,
    });
  }

  /** Strangers are refused (spec 9.9): who has no network key to prove has to be in the roster. */
  async #entryThatTakes(
    { identity, label }: SecuredPeer,
    address: string | undefined,
  ): Promise<LabelEntry | undefined> {
    const entry = this.handlers.get(label);
    const find = () => this.#options.peer(toHex(identity), address);
    const accepts = async () => {
      if (entry?.accept) return entry.accept({ identity, label, peer: find() });
      return this.#options.networkKey !== undefined || this.#comesIntoRoster(find);
    };
    // It may have been removed meanwhile, and one that took its place may let in others.
    return entry && (await accepts()) && this.handlers.get(label) === entry ? entry : undefined;
  }

  /** A peer that has just joined may be here before the news of it. */
  #comesIntoRoster(find: () => Peer | undefined): Promise<boolean> {
    const { rosterWaitMs, closing } = this.#options;
    return new Promise((resolve) => {
      const finish = (isThere: boolean) => {
        clearTimeout(timer);
        this.#rosterWaiters.delete(look);
        closing.removeEventListener("abort", giveUp);
        resolve(isThere);
      };
      const look = () => {
        if (find()) finish(true);
      };
      const giveUp = () => finish(false);
      const timer = setTimeout(giveUp, rosterWaitMs);
      this.#rosterWaiters.add(look);
      closing.addEventListener("abort", giveUp, { once: true });
      look();
    });
  }
}

/** Who connects from there; a relay's says nothing. */
function addressOf({ relayed, remote }: RawPath<Duplex>): string | undefined {
  return relayed ? undefined : scopedAddress(hostOf(remote))?.text;
}
