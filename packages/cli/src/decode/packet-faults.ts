import {
  type ClientPacket,
  describeMethod,
  isPublished,
  METHOD,
  type MethodInfo,
  payloadOf,
  type ServerPacket,
} from "@lekt/protocol";
import { describePayload, type PayloadPlace } from "../payload-text.ts";
import type { Phase } from "./stream-kind.ts";

/** A packet, or a piece of an update, and where it stands in the stream. */
export interface PlacedPacket {
  readonly offset: number;
  readonly byteCount: number;
  readonly packet: ClientPacket | ServerPacket;
}

/** A rule that a packet breaks though its frame is whole, so that the packets after it can be read. */
export interface PacketFault {
  /** Of the last byte of what is wrong. */
  readonly offset: number;
  readonly why: string;
}

/** Watches what the answers of one client have to do with its handshake (spec 4.6, 4.8) and with the list. */
export class FaultFinder {
  #offered: readonly number[] | undefined;
  #lastAnswered = 0;
  #inHeartbeats: boolean;

  constructor(phase: Phase) {
    this.#inHeartbeats = phase === "heartbeat";
  }

  find({ packet, offset, byteCount }: PlacedPacket): PacketFault | undefined {
    const end = offset + byteCount - 1;
    switch (packet.type) {
      case "handshake":
        this.#offered = packet.methods;
        return undefined;
      case "heartbeat":
      case "signal":
        this.#inHeartbeats = true;
        return undefined;
      case "response": {
        const why = this.#outOfTurn(packet.method);
        if (why !== undefined) return { offset: offset + 11, why };
        return payloadFault({ index: packet.method, payload: packet.payload }, end, "response");
      }
      case "client": {
        const { object } = packet;
        if (object.ip === 0) {
          const payload = payloadOf(object, METHOD.server);
          return payload && payloadFault({ index: METHOD.server, payload }, end, "word");
        }
        let at = offset + 8;
        for (const method of object.methods) {
          at += 8 + method.payload.length;
          const fault = payloadFault(method, at - 1, "object");
          if (fault) return fault;
        }
        return undefined;
      }
      default:
        return undefined;
    }
  }

  /** Whether a response may replace a payload (spec 4.10); where the handshake is not known it may. */
  #mayReplace(method: number): boolean {
    const offered = this.#offered;
    return isPublished(method) && (!offered || (offered.includes(METHOD.update) && offered.includes(method)));
  }

  #outOfTurn(method: number): string | undefined {
    if (method === 0 && this.#inHeartbeats) return undefined;
    if (method === 0) return "a response for method 0, which is never asked about";
    if (this.#inHeartbeats && this.#mayReplace(method)) return undefined;
    if (this.#inHeartbeats) return `a response for ${describeMethod(method)} in the heartbeat phase`;
    if (this.#offered && !this.#offered.includes(method)) {
      return `a response for ${describeMethod(method)}, which the handshake did not set`;
    }
    if (method <= this.#lastAnswered) return `a response for ${describeMethod(method)} out of order`;
    this.#lastAnswered = method;
    return undefined;
  }
}

function payloadFault(method: MethodInfo, end: number, place: PayloadPlace): PacketFault | undefined {
  const { fault } = describePayload(method.index, method.payload, place);
  if (fault === undefined) return undefined;
  return { offset: end, why: `the payload of ${describeMethod(method.index)}: ${fault}` };
}
