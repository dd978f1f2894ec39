import type { ClientPacket } from "../src/client-packet-decoder.ts";
import type { MethodInfo } from "../src/packets/client-object.ts";
import { REJECT_WORDS } from "../src/reject-words.ts";
import type { ServerPacket } from "../src/server-packet-decoder.ts";
import type { Decoded } from "./stream-pieces.ts";

/*
 * A second decoder, to hold the real ones against: it takes the whole stream at once, was written from
 * spec/protocol.md alone, and is as simple as that allows. A stream that ends inside a packet gives the packets
 * before it, unless what is there of it breaks a rule already.
 */

/** The stream ends here. */
class Cut extends Error {}

/** A rule is broken: a Reject's word or an error's code. */
class Fault extends Error {}

class Reader {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(count: number): DataView {
    if (this.at + count > this.bytes.length) throw new Cut();
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, count);
    this.at += count;
    return view;
  }

  u8 = () => this.take(1).getUint8(0);
  u24 = () => 256 * this.take(2).getUint16(0) + this.u8();
  u32 = () => this.take(4).getUint32(0);
  i64 = () => this.take(8).getBigInt64(0);
  payload = (count: number) => {
    this.take(count);
    return this.bytes.slice(this.at - count, this.at);
  };
}

function decode<Packet>(bytes: Uint8Array, packet: (reader: Reader, out: Packet[]) => void): Decoded<Packet> {
  const reader = new Reader(bytes);
  const packets: Packet[] = [];
  try {
    while (reader.at < bytes.length) packet(reader, packets);
  } catch (error) {
    if (error instanceof Cut) return { packets, fault: undefined };
    if (error instanceof Fault) return { packets, fault: error.message };
    throw error;
  }
  return { packets, fault: undefined };
}

function header(reader: Reader, types: string, magicFault: string) {
  for (const letter of "LEKT") if (reader.u8() !== letter.charCodeAt(0)) throw new Fault(magicFault);
  const type = String.fromCharCode(reader.u8());
  if (!types.includes(type)) throw new Fault(magicFault);
  return { type, version: { major: reader.u8(), minor: reader.u8(), extra: reader.u8() } };
}

/** @param asked how many responses the server waits for before it asks for method 0. */
export function naiveClientPackets(bytes: Uint8Array, asked: number): Decoded<ClientPacket> {
  let responses = 0;
  return decode<ClientPacket>(bytes, (reader, packets) => {
    const isFirst = packets.length === 0;
    const { type, version } = header(reader, isFirst ? "H" : responses < asked ? "T" : "HT", "malformed");
    if (isFirst) {
      if (version.major !== 1) throw new Fault("version");
      const known = reader.u32();
      if (known > 1_024) throw new Fault("limit");
      const words = Array.from({ length: Math.ceil(known / 32) }, () => 0).map(reader.u32);
      const methods: number[] = [];
      for (let method = 1; method <= 32 * words.length; method++) {
        if ((((words[Math.floor((method - 1) / 32)] ?? 0) / 2 ** ((method - 1) % 32)) & 1) === 1)
          methods.push(method);
      }
      if (methods.some((method) => method > known)) throw new Fault("malformed");
      packets.push({ type: "handshake", version, known, methods });
    } else if (type === "T") {
      const method = reader.u32();
      const length = reader.u32();
      if (length > 4_096) throw new Fault("limit");
      packets.push({ type: "response", version, method, payload: reader.payload(length) });
      responses++;
    } else {
      packets.push({ type: "heartbeat", version, timestamp: reader.i64() });
    }
  });
}

export function naiveServerPackets(bytes: Uint8Array): Decoded<ServerPacket> {
  let phase: "handshake" | "setup" | "heartbeat" = "handshake";
  return decode<ServerPacket>(bytes, (reader, packets) => {
    const fault = phase === "handshake" ? "LEKT_NOT_LEKT" : "LEKT_PROTOCOL";
    const { type, version } = header(reader, { handshake: "AR", setup: "TR", heartbeat: "HR" }[phase], fault);
    if (type === "A") {
      if (version.major !== 1) throw new Fault("LEKT_VERSION");
      phase = "setup";
      packets.push({ type: "accept", version });
    } else if (type === "R") {
      packets.push({ type: "reject", version, ...naiveReject(reader) });
    } else if (type === "T") {
      const method = reader.u32();
      if (method === 0) phase = "heartbeat";
      packets.push({ type: "request", version, method });
    } else {
      naiveUpdate(reader, version, packets);
    }
  });
}

function naiveReject(reader: Reader) {
  const bytes: number[] = [];
  for (let byte = reader.u8(); byte !== 0; byte = reader.u8()) {
    bytes.push(byte);
    if (bytes.length === 1_024) throw new Fault("LEKT_PROTOCOL");
  }
  let message: string;
  try {
    message = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    throw new Fault("LEKT_PROTOCOL");
  }
  return {
    message,
    word: REJECT_WORDS.find((word) => message.startsWith(`${word}: `)) ?? ("unknown" as const),
  };
}

function naiveUpdate(
  reader: Reader,
  version: { major: number; minor: number; extra: number },
  packets: ServerPacket[],
) {
  const timestamp = reader.i64();
  const kind = String.fromCharCode(reader.u8());
  if (kind !== "A" && kind !== "R") throw new Fault("LEKT_PROTOCOL");
  const count = reader.u24();
  packets.push({ type: kind === "A" ? "added" : "removed", version, timestamp, count });
  for (let i = 0; i < count; i++) {
    if (kind === "R") packets.push({ type: "address", ip: reader.u32() });
    else packets.push({ type: "client", object: naiveObject(reader) });
  }
}

function naiveObject(reader: Reader) {
  const size = reader.u32();
  if (size < 4 || size > 65_536) throw new Fault("LEKT_PROTOCOL");
  const object = new Reader(reader.payload(size));
  const ip = object.u32();
  const methods: MethodInfo[] = [];
  try {
    while (object.at < size) methods.push({ index: object.u32(), payload: object.payload(object.u32()) });
  } catch {
    throw new Fault("LEKT_PROTOCOL");
  }
  for (const [i, { index }] of methods.entries()) {
    if (index <= (methods[i - 1]?.index ?? 0)) throw new Fault("LEKT_PROTOCOL");
  }
  return { ip, methods };
}
