import {
  type ClientPacket,
  type MethodInfo,
  REJECT_WORDS,
  type ServerPacket,
  type Version,
} from "@lekt/protocol";

/*
 * Second decoders, to hold the real ones against: they take the whole stream at once, are written from
 * spec/protocol.md alone, and are as simple as that allows. A stream that ends inside a packet gives the packets
 * before it, unless what is there of it breaks a rule already.
 */

export interface Decoded<Packet> {
  readonly packets: Packet[];
  /** A Reject's word or an error's code. */
  readonly fault: string | undefined;
}

class Cut extends Error {}
class Fault extends Error {}

class Reader {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  number(size: number): number {
    if (this.at + size > this.bytes.length) throw new Cut();
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + (this.bytes[this.at++] as number);
    return value;
  }

  i64(): bigint {
    return BigInt.asIntN(64, BigInt(this.number(4)) * 2n ** 32n + BigInt(this.number(4)));
  }

  payload(size: number): Uint8Array {
    if (this.at + size > this.bytes.length) throw new Cut();
    this.at += size;
    return this.bytes.slice(this.at - size, this.at);
  }

  header(types: string, fault: string): { type: string; version: Version } {
    for (const letter of "LEKT") if (this.number(1) !== letter.charCodeAt(0)) throw new Fault(fault);
    const type = String.fromCharCode(this.number(1));
    if (!types.includes(type)) throw new Fault(fault);
    return { type, version: { major: this.number(1), minor: this.number(1), extra: this.number(1) } };
  }
}

function decode<Packet>(
  bytes: Uint8Array,
  next: (reader: Reader, packets: Packet[]) => void,
): Decoded<Packet> {
  const reader = new Reader(bytes);
  const packets: Packet[] = [];
  try {
    while (reader.at < bytes.length) next(reader, packets);
  } catch (error) {
    if (error instanceof Fault) return { packets, fault: error.message };
    if (!(error instanceof Cut)) throw error;
  }
  return { packets, fault: undefined };
}

/** @param asked how many responses the server waits for before it asks for method 0. */
export function naiveClientPackets(bytes: Uint8Array, asked: number): Decoded<ClientPacket> {
  let responses = 0;
  return decode(bytes, (reader, packets) => {
    const [first] = packets;
    if (first?.type === "circuit") {
      reader.at = bytes.length;
      return;
    }
    const inHeartbeats = setsSignals(first) ? "HTS" : "HT";
    const { type, version } = reader.header(
      !first ? "HC" : responses < asked ? "T" : inHeartbeats,
      "malformed",
    );
    if (packets.length === 0 && version.major !== 1) throw new Fault("version");
    if (type === "C") packets.push({ type: "circuit", version, token: reader.payload(32) });
    else if (packets.length === 0) packets.push({ type: "handshake", version, ...bitfield(reader) });
    else if (type === "H") packets.push({ type: "heartbeat", version, timestamp: reader.i64() });
    else if (type === "S") {
      const identity = reader.payload(32);
      const length = reader.number(4);
      if (length === 0) throw new Fault("malformed");
      if (length > 16_384) throw new Fault("limit");
      packets.push({ type: "signal", version, identity, payload: reader.payload(length) });
    } else {
      const method = reader.number(4);
      const length = reader.number(4);
      if (length > 4_096) throw new Fault("limit");
      packets.push({ type: "response", version, method, payload: reader.payload(length) });
      responses++;
    }
  });
}

function setsSignals(packet: ClientPacket | undefined): boolean {
  return packet?.type === "handshake" && [19, 24].every((method) => packet.methods.includes(method));
}

function bitfield(reader: Reader): { known: number; methods: number[] } {
  const known = reader.number(4);
  if (known > 1_024) throw new Fault("limit");
  const methods: number[] = [];
  for (let first = 1; first <= known; first += 32) {
    const word = reader.number(4);
    for (let bit = 0; bit < 32; bit++) {
      if (Math.floor(word / 2 ** bit) % 2 === 1) methods.push(first + bit);
    }
  }
  if ((methods.at(-1) ?? 0) > known) throw new Fault("malformed");
  return { known, methods };
}

export function naiveServerPackets(bytes: Uint8Array): Decoded<ServerPacket> {
  let phase: "AR" | "TR" | "HR" | "HRS" = "AR";
  return decode(bytes, (reader, packets) => {
    const { type, version } = reader.header(phase, phase === "AR" ? "LEKT_NOT_LEKT" : "LEKT_PROTOCOL");
    if (type === "A") {
      if (version.major !== 1) throw new Fault("LEKT_VERSION");
      phase = "TR";
      packets.push({ type: "accept", version });
    } else if (type === "T") {
      const method = reader.number(4);
      const hasSignals = packets.some((packet) => packet.type === "request" && packet.method === 24);
      if (method === 0) phase = hasSignals ? "HRS" : "HR";
      packets.push({ type: "request", version, method });
    } else if (type === "S") {
      const identity = reader.payload(32);
      const length = reader.number(4);
      if (length > 16_384) throw new Fault("LEKT_PROTOCOL");
      packets.push({ type: "signal", version, identity, payload: reader.payload(length) });
    } else if (type === "R") packets.push({ type: "reject", version, ...reject(reader) });
    else {
      const timestamp = reader.i64();
      const kind = reader.number(1);
      if (kind !== 0x41 && kind !== 0x52) throw new Fault("LEKT_PROTOCOL");
      const count = reader.number(3);
      packets.push({ type: kind === 0x41 ? "added" : "removed", version, timestamp, count });
      for (let i = 0; i < count; i++) {
        if (kind === 0x52) packets.push({ type: "address", ip: reader.number(4) });
        else packets.push({ type: "client", object: object(reader) });
      }
    }
  });
}

function reject(reader: Reader) {
  const { at } = reader;
  while (reader.number(1) !== 0) if (reader.at - at === 1_024) throw new Fault("LEKT_PROTOCOL");
  const message = strictText(reader.bytes.subarray(at, reader.at - 1));
  if (message === undefined) throw new Fault("LEKT_PROTOCOL");
  return {
    message,
    word: REJECT_WORDS.find((word) => message.startsWith(`${word}: `)) ?? ("unknown" as const),
  };
}

export function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function object(reader: Reader): { ip: number; methods: MethodInfo[] } {
  const size = reader.number(4);
  if (size < 4 || size > 65_536) throw new Fault("LEKT_PROTOCOL");
  const inner = new Reader(reader.payload(size));
  const ip = inner.number(4);
  const methods: MethodInfo[] = [];
  try {
    while (inner.at < size) {
      const index = inner.number(4);
      if (index <= (methods.at(-1)?.index ?? 0)) throw new Fault("LEKT_PROTOCOL");
      methods.push({ index, payload: inner.payload(inner.number(4)) });
    }
  } catch {
    throw new Fault("LEKT_PROTOCOL");
  }
  return { ip, methods };
}
