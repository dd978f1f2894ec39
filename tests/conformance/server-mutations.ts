import {
  type ClientObject,
  concatBytes,
  decodeServerInfo,
  encodeResponse,
  encodeUtf8,
  METHOD,
} from "@lekt/protocol";
import { addedPacket, isEnd, type Mutation, NOTHING, objectsOf, type Wire } from "./flawed-line.ts";
import type { ServerBytes } from "./packet-streams.ts";

export const bytes = (...values: readonly number[]) => Uint8Array.from(values);
export const isWord = ({ ip }: ClientObject) => ip === 0;

/** Changes the objects of Added packets. */
export function objects(change: (object: ClientObject, wire: Wire) => ClientObject | undefined): Mutation {
  return {
    serverPacket: (packet, wire) => {
      const all = objectsOf(packet);
      return all ? addedPacket(all.flatMap((object) => change(object, wire) ?? [])) : packet.bytes;
    },
  };
}

/** Changes Rejects: to another message, or to nothing. */
export function rejects(change: (message: string, wire: Wire) => Uint8Array): Mutation {
  return {
    serverPacket: ({ head, bytes: packet }, wire) =>
      head.type === "reject" ? change(head.message, wire) : packet,
  };
}

export function reject(message: string): Uint8Array {
  return concatBytes([
    bytes(0x4c, 0x45, 0x4b, 0x54, 0x52, 1, 0, 0),
    new TextEncoder().encode(message),
    bytes(0),
  ]);
}

/** Changes the payload that the client answers with. */
export function answers(method: number, change: (payload: Uint8Array) => Uint8Array): Mutation {
  return {
    clientPacket: (packet, packetBytes) =>
      packet.type === "response" && packet.method === method
        ? encodeResponse(method, change(packet.payload))
        : packetBytes,
  };
}

/** Changes the words of n and bitfield, from byte 8 of the connection's first bytes. */
export function bitfield(change: (known: number, words: number[]) => number[]): Mutation {
  return {
    clientBytes: (chunk, wire) => {
      if (wire.count++ > 0 || chunk.length < 12) return chunk;
      const packet = Buffer.from(chunk);
      const known = packet.readUInt32BE(8);
      const words = Array.from(
        { length: Math.min(Math.ceil(known / 32), (packet.length - 12) / 4) },
        (_, i) => packet.readUInt32BE(12 + 4 * i),
      );
      change(known, words).forEach((word, i) => {
        packet.writeUInt32BE(word >>> 0, 12 + 4 * i);
      });
      return packet;
    },
  };
}

/** Breaks the connection off at bytes of the client for which it holds. */
export function breaksOffAt(holds: (chunk: Uint8Array, wire: Wire) => boolean): Mutation {
  return {
    clientBytes: (chunk, wire) => {
      if (!holds(chunk, wire)) return chunk;
      wire.client.destroy();
      return NOTHING;
    },
  };
}

export function onPacket(change: (packet: ServerBytes, wire: Wire) => Uint8Array | undefined): Mutation {
  return { serverPacket: (packet, wire) => change(packet, wire) ?? packet.bytes };
}

export function withoutWords(method: number): Mutation {
  return objects((object) => (isWord(object) && object.methods[0]?.index === method ? undefined : object));
}

/** In what the server says of itself, STUN is answered elsewhere. */
export function namesStun(addresses: readonly string[]): Mutation {
  return objects((object) => {
    const [word] = object.methods;
    if (!isWord(object) || word?.index !== METHOD.server) return object;
    const info = { ...decodeServerInfo(word.payload), stun: addresses };
    return { ip: 0, methods: [{ index: METHOD.server, payload: encodeUtf8(JSON.stringify(info)) }] };
  });
}

export function reversed(word: number): number {
  return Number.parseInt([...(word >>> 0).toString(2).padStart(32, "0")].reverse().join(""), 2);
}

export const LATER_REPLIES: Mutation = onPacket((packet, wire) => {
  if (isEnd(packet)) wire.count++;
  return objectsOf(packet) && wire.count > 0 ? NOTHING : undefined;
});

/** A whole reply that starts from the client's token is emptied, but for its words. */
export const FORGETS_DIFFERENCE: Mutation = objects((object, wire) => {
  if (
    isWord(object) &&
    object.methods[0]?.index === METHOD.resume &&
    (object.methods[0].payload.length ?? 0) > 0
  ) {
    wire.count++;
  }
  return isWord(object) || wire.count === 0 ? object : undefined;
});

const REQUEST_BYTES = 12;

/** A Request is kept back until the one before is answered, which a server may do (spec 4.2.2). */
export const ONE_AFTER_THE_OTHER: Mutation = {
  serverPacket: ({ head, bytes: packet }, wire) => {
    if (head.type !== "request" || head.method === 0) return packet;
    if (wire.count++ === 0) return packet;
    wire.kept = concatBytes([wire.kept, packet]);
    return NOTHING;
  },
  clientPacket: (packet, packetBytes, wire) => {
    if (packet.type !== "response" || wire.count === 0) return packetBytes;
    wire.count--;
    wire.client.write(wire.kept.slice(0, REQUEST_BYTES));
    wire.kept = wire.kept.slice(REQUEST_BYTES);
    return packetBytes;
  },
};
