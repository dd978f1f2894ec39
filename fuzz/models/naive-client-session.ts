import {
  type ClientObject,
  isPublished,
  METHOD,
  payloadOf,
  rejectErrorCode,
  type ServerPacket,
  toHex,
} from "@lekt/protocol";
import { naiveServerPackets } from "@lekt/testkit";
import { contentOf, type NaiveRoster } from "./naive-roster.ts";

/** What tokens stand for: the state of the roster when the reply that gave one ended. */
const tokenStates = new WeakMap<NaiveRoster, { hex: string; state: string }>();

/** What a client has to make of one connection's bytes, written from spec/ alone. It knows nothing of time. */
export class NaiveClientSession {
  /** Methods that the server asked for and the client answers. */
  readonly asked: number[] = [];
  isReady = false;
  /** Signals that came, in order: identity and payload as hex digits. */
  readonly signals: string[] = [];
  /** Why the session ended. */
  code: string | undefined;
  readonly contentOf = contentOf;
  readonly #roster: NaiveRoster;
  readonly #offers: ReadonlyMap<number, Uint8Array>;
  readonly #maxPeers: number;
  /** What this client resumes with. */
  readonly #offered: string | undefined;
  #bytes = new Uint8Array(0);
  #handled = 0;
  /** Whether a word may still say where the first reply starts (spec 5.19.2, 5.19.4). */
  #mayResume = true;
  #replyToken: string | undefined;

  constructor(roster: NaiveRoster, offers: ReadonlyMap<number, Uint8Array>, maxPeers: number) {
    this.#roster = roster;
    this.#offers = offers;
    this.#maxPeers = maxPeers;
    const token = tokenStates.get(roster);
    this.#offered = token?.state === roster.state ? token.hex : undefined;
    roster.startOver();
  }

  receive(bytes: Uint8Array): void {
    this.#bytes = Uint8Array.from([...this.#bytes, ...bytes]);
    const { packets, fault } = naiveServerPackets(this.#bytes);
    for (; this.#handled < packets.length && this.code === undefined; this.#handled++) {
      this.#handle(packets[this.#handled] as ServerPacket);
    }
    this.code ??= fault;
  }

  disconnected(): void {
    this.code ??= "LEKT_CONNECTION_LOST";
  }

  timedOut(): void {
    this.code ??= "LEKT_TIMEOUT";
  }

  /** The reply ends where it is (spec 5.18). */
  forceEnd(): void {
    this.#end();
  }

  takesUpdateOf(method: number): boolean {
    const isAsked = this.asked.includes(method) && this.asked.includes(METHOD.update);
    return this.code === undefined && this.isReady && isAsked && isPublished(method);
  }

  get takesSignals(): boolean {
    return this.code === undefined && this.isReady && this.asked.includes(METHOD.signal);
  }

  isTokenOf(token: Uint8Array): boolean {
    return toHex(token) === this.#offered;
  }

  #handle(packet: ServerPacket): void {
    switch (packet.type) {
      case "request":
        this.#request(packet.method);
        return;
      case "added":
        if (packet.count === 0) this.#end();
        return;
      case "client":
        this.#object(packet.object);
        return;
      case "address":
        this.#mayResume = false;
        this.#roster.remove(packet.ip);
        return;
      case "signal":
        this.signals.push(`${toHex(packet.identity)} ${toHex(packet.payload)}`);
        return;
      case "reject":
        this.code = rejectErrorCode(packet.word);
        return;
      default:
        return;
    }
  }

  #request(method: number): void {
    if (method === 0) this.isReady = true;
    else if (!this.#offers.has(method) || method <= (this.asked.at(-1) ?? 0)) this.code = "LEKT_PROTOCOL";
    else this.asked.push(method);
  }

  #object(object: ClientObject): void {
    if (object.ip !== 0) {
      this.#mayResume = false;
      this.#roster.add(object);
      if (this.#roster.copy.length > this.#maxPeers) this.code = "LEKT_ROSTER_LIMIT";
      return;
    }
    const gone = payloadOf(object, METHOD.session);
    if (gone) {
      this.#mayResume = false;
      this.#roster.gone(gone);
    }
    const token = payloadOf(object, METHOD.resume);
    if (!token) return;
    if (!this.#mayResume) this.#replyToken = toHex(token);
    else if (token.length > 0 && toHex(token) === this.#offered && this.#offers.has(METHOD.resume)) {
      this.#roster.resume();
    }
    this.#mayResume = false;
  }

  #end(): void {
    this.#mayResume = false;
    this.#roster.commit();
    if (this.#replyToken !== undefined) {
      tokenStates.set(this.#roster, { hex: this.#replyToken, state: this.#roster.state });
    }
    this.#replyToken = undefined;
  }
}
