import { METHOD } from "../src/method-list.ts";
import { encodeHandshake } from "../src/packets/handshake.ts";
import { encodeHeartbeat } from "../src/packets/heartbeat.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { encodeHold } from "../src/payloads/hold.ts";
import { type ServerPacket, ServerPacketDecoder } from "../src/server-packet-decoder.ts";
import {
  type Introduction,
  ServerSession,
  type ServerSessionEffect,
  type ServerSessionOptions,
} from "../src/server-session.ts";
import { decodePieces } from "./stream-pieces.ts";

export type Offers = ReadonlyMap<number, Uint8Array>;

interface Arrival {
  readonly options?: ServerSessionOptions;
  readonly ipv6?: Uint8Array;
  readonly isProtected?: boolean;
  readonly nowMs?: number;
}

/** 192.0.2.1 */
export const VISITOR_IP = 0xc000_0201;

/** A server's session and what came out of it, for a client that the test plays packet by packet. */
export class Visit {
  readonly session: ServerSession;
  readonly effects: ServerSessionEffect[] = [];
  readonly #decoder = new ServerPacketDecoder();
  readonly #packets: ServerPacket[] = [];

  constructor({ options = {}, ipv6, isProtected = false, nowMs = 0 }: Arrival = {}) {
    const address = ipv6 ? { ip: VISITOR_IP, ipv6 } : { ip: VISITOR_IP };
    this.session = new ServerSession(options, address, isProtected, nowMs);
  }

  /** What the client can read. */
  get packets(): readonly ServerPacket[] {
    this.#take();
    return this.#packets;
  }

  get introduction(): Introduction | undefined {
    this.#take();
    return this.effects.find((effect) => effect.type === "introduced")?.introduction;
  }

  /** The Reject's word and text. */
  get rejection(): string | undefined {
    this.#take();
    const rejected = this.effects.find((effect) => effect.type === "rejected");
    return rejected && `${rejected.word}: ${rejected.text}`;
  }

  get requested(): number[] {
    return this.packets.flatMap((packet) => (packet.type === "request" ? [packet.method] : []));
  }

  handshake(methods: Iterable<number>, known = Math.max(0, ...methods)): this {
    return this.receive(encodeHandshake(known, methods));
  }

  answer(method: number, payload: Uint8Array | number): this {
    return this.receive(
      encodeResponse(method, typeof payload === "number" ? new Uint8Array(payload) : payload),
    );
  }

  heartbeat(nowMs: number, latenessMs = 0): this {
    return this.receive(encodeHeartbeat(0n), nowMs, latenessMs);
  }

  receive(bytes: Uint8Array, nowMs = 0, latenessMs = 0): this {
    this.session.receive(bytes, nowMs, latenessMs);
    return this;
  }

  /** Handshake and all answers; the server's verdict is still to come. */
  introduce(offers: Offers): this {
    this.handshake([...offers.keys()]);
    for (const method of this.requested) this.answer(method, offers.get(method) as Uint8Array);
    return this;
  }

  #take(): void {
    for (const effect of this.session.takeEffects()) {
      this.effects.push(effect);
      if (effect.type !== "send" && effect.type !== "rejected") continue;
      const { packets, fault } = decodePieces<ServerPacket>(this.#decoder, [effect.bytes]);
      if (fault !== undefined) throw new Error(`the server broke the protocol: ${fault}`);
      this.#packets.push(...packets);
    }
  }
}

/** A client that is in the heartbeat phase since `nowMs`. */
export function admitted(holdMs?: number, arrival: Arrival = {}): Visit {
  const visit = new Visit(arrival);
  visit.introduce(new Map(holdMs === undefined ? [] : [[METHOD.hold, encodeHold(holdMs)]]));
  visit.session.admit(arrival.nowMs ?? 0);
  return visit;
}
