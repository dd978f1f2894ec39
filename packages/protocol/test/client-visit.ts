import { concatBytes } from "../src/bytes.ts";
import { type ClientPacket, ClientPacketDecoder } from "../src/client-packet-decoder.ts";
import { ClientSession, type ClientSessionEvent, type ClientSessionOptions } from "../src/client-session.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { type ClientObject, encodeClientObject } from "../src/packets/client-object.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeEndOfReply } from "../src/packets/update.ts";
import { RosterView } from "../src/roster-view.ts";
import { decodePieces } from "./stream-pieces.ts";
import { updates } from "./update-packets.ts";
import type { Offers } from "./visit.ts";

type Ended = Extract<ClientSessionEvent, { type: "ended" }>;

interface Start extends Partial<ClientSessionOptions> {
  readonly nowMs?: number;
}

/** A client's session and what came out of it, for a server that the test plays packet by packet. */
export class ClientVisit {
  readonly session: ClientSession;
  readonly view: RosterView;
  readonly events: ClientSessionEvent[] = [];
  readonly #decoder = new ClientPacketDecoder();
  readonly #packets: ClientPacket[] = [];

  constructor({ nowMs = 0, ...options }: Start = {}) {
    this.view = options.view ?? new RosterView();
    this.session = new ClientSession(
      { offers: new Map(), unixSeconds: () => 1_774_483_200, ...options, view: this.view },
      nowMs,
    );
  }

  /** What the server can read. */
  get packets(): readonly ClientPacket[] {
    for (const event of this.session.takeEvents()) {
      this.events.push(event);
      if (event.type !== "send") continue;
      const { packets, fault } = decodePieces<ClientPacket>(this.#decoder, [event.bytes], () => {
        // After the handshake the tests judge what comes when; to the decoder both types are the same.
        this.#decoder.phase = "heartbeat";
      });
      if (fault !== undefined) throw new Error(`the client broke the protocol: ${fault}`);
      this.#packets.push(...packets);
    }
    return this.#packets;
  }

  get heartbeats(): number {
    return this.packets.filter(({ type }) => type === "heartbeat").length;
  }

  eventsOf<Type extends ClientSessionEvent["type"]>(
    type: Type,
  ): Extract<ClientSessionEvent, { type: Type }>[] {
    void this.packets;
    return this.events.filter((event) => event.type === type) as Extract<
      ClientSessionEvent,
      { type: Type }
    >[];
  }

  /** The last event, where the session has ended. */
  get ended(): Ended | undefined {
    const ended = this.eventsOf("ended");
    if (ended.length > 1 || (ended[0] && ended[0] !== this.events.at(-1)))
      throw new Error("it went on after its end");
    return ended[0];
  }

  get code(): string | undefined {
    return this.ended?.error.code;
  }

  receive(bytes: Uint8Array, nowMs = 0): this {
    this.session.receive(bytes, nowMs);
    return this;
  }

  /** Whole replies or parts of one. */
  reply(nowMs: number, ...parts: readonly Uint8Array[]): this {
    return this.receive(concatBytes(parts), nowMs);
  }

  deadline(nowMs: number): this {
    this.session.onDeadline(nowMs);
    return this;
  }
}

/** A client whose setup was over at `nowMs`: its first heartbeat is out. */
export function ready(start: Start = {}): ClientVisit {
  const visit = new ClientVisit(start);
  const offers: Offers = start.offers ?? new Map();
  const asked = [...offers.keys()].sort((a, b) => a - b);
  return visit.receive(
    concatBytes([encodeAccept(), ...[...asked, 0].map((method) => encodeRequest(method))]),
    start.nowMs,
  );
}

export const END = encodeEndOfReply(0n);

export function bare(ip: number): ClientObject {
  return { ip, methods: [] };
}

export function added(...objects: readonly ClientObject[]): Uint8Array {
  return concatBytes(
    updates(
      "added",
      objects.map((object) => encodeClientObject(object)),
      0n,
    ),
  );
}
