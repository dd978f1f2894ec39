import type { Decoded } from "@lekt/testkit";
import { concatBytes, toHex } from "../src/bytes.ts";
import { type ClientPacket, ClientPacketDecoder } from "../src/client-packet-decoder.ts";
import { formatIpv4, ipv4Bytes, parseIpv4 } from "../src/ip.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { encodeCircuit } from "../src/packets/circuit.ts";
import { encodeClientObject } from "../src/packets/client-object.ts";
import { encodeHandshake } from "../src/packets/handshake.ts";
import { encodeHeartbeat } from "../src/packets/heartbeat.ts";
import { encodeReject } from "../src/packets/reject.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { encodeSignal } from "../src/packets/signal.ts";
import { encodeEndOfReply } from "../src/packets/update.ts";
import { REJECT_WORDS } from "../src/reject-words.ts";
import { type ServerPacket, ServerPacketDecoder } from "../src/server-packet-decoder.ts";
import type { Version } from "../src/version.ts";
import { decodePieces } from "./stream-pieces.ts";
import { updates } from "./update-packets.ts";
import { bytesOf, type ClientField, type GoodVector, type PacketFields } from "./vector-files.ts";

type Place = Pick<GoodVector, "direction" | "phase" | "asked" | "signals">;

/** Decodes as the vector's receiver would, who stands in its phase. */
export function decodeVector(
  vector: Place,
  pieces: Iterable<Uint8Array>,
): Decoded<ClientPacket | ServerPacket> {
  if (vector.direction === "server to client") {
    const decoder = new ServerPacketDecoder();
    decoder.phase = vector.phase;
    decoder.takesSignals = vector.signals ?? false;
    return decodePieces<ServerPacket>(decoder, pieces);
  }
  const decoder = new ClientPacketDecoder();
  decoder.phase = vector.phase;
  decoder.takesSignals = vector.signals ?? false;
  let unanswered = vector.asked?.length ?? 0;
  return decodePieces<ClientPacket>(decoder, pieces, (packet) => {
    // The server's request for method 0 goes out when all are answered.
    if (packet.type === "response" && decoder.phase === "setup" && --unanswered === 0)
      decoder.phase = "heartbeat";
  });
}

/** The decoded packets in the words of `spec/vectors/README.md`. */
export function describePackets(packets: readonly (ClientPacket | ServerPacket)[]): unknown[] {
  const described: { clients?: ClientField[]; ips?: string[] }[] = [];
  for (const packet of packets) {
    switch (packet.type) {
      case "client": {
        const methods = packet.object.methods.map(({ index, payload }) => [index, toHex(payload)] as const);
        described.at(-1)?.clients?.push({ ip: formatIpv4(packet.object.ip), methods });
        break;
      }
      case "address":
        described.at(-1)?.ips?.push(formatIpv4(packet.ip));
        break;
      default:
        described.push(describe(packet));
    }
  }
  return described;
}

function describe(packet: Exclude<ClientPacket | ServerPacket, { type: "client" | "address" }>): object {
  const version = [packet.version.major, packet.version.minor, packet.version.extra];
  switch (packet.type) {
    case "heartbeat":
      return { ...packet, version, timestamp: `${packet.timestamp}` };
    case "circuit":
      return { ...packet, version, token: toHex(packet.token) };
    case "response":
      return { ...packet, version, payload: toHex(packet.payload) };
    case "signal":
      return { ...packet, version, identity: toHex(packet.identity), payload: toHex(packet.payload) };
    case "added":
      return { type: "added", version, timestamp: `${packet.timestamp}`, clients: [] };
    case "removed":
      return { type: "removed", version, timestamp: `${packet.timestamp}`, ips: [] };
    default:
      return { ...packet, version };
  }
}

export function packetsOf({ fields }: GoodVector): readonly PacketFields[] {
  return "packets" in fields ? fields.packets : [fields];
}

/** Writes the packet with our encoders; undefined where there is none for what it says. */
export function encodeFields(fields: PacketFields): Uint8Array | undefined {
  const [major, minor, extra] = fields.version;
  const version: Version = { major, minor, extra };
  switch (fields.type) {
    case "handshake":
      return encodeHandshake(fields.known, fields.methods, version);
    case "circuit":
      return encodeCircuit(bytesOf(fields.token), version);
    case "accept":
      return encodeAccept(version);
    case "reject": {
      const word = REJECT_WORDS.find((known) => known === fields.word);
      return word && encodeReject(word, fields.message.slice(word.length + 2), version);
    }
    case "request":
      return encodeRequest(fields.method, version);
    case "response":
      return encodeResponse(fields.method, bytesOf(fields.payload), version);
    case "heartbeat":
      return encodeHeartbeat(BigInt(fields.timestamp), version);
    case "signal":
      return encodeSignal(bytesOf(fields.identity), bytesOf(fields.payload), version);
    default:
      return isOwnVersion(version) ? encodeUpdate(fields) : undefined;
  }
}

function isOwnVersion(version: Version): boolean {
  return version.major === 1 && version.minor === 0 && version.extra === 0;
}

function encodeUpdate(fields: PacketFields & { type: "added" | "removed" }): Uint8Array | undefined {
  const timestamp = BigInt(fields.timestamp);
  const entries =
    fields.type === "added"
      ? fields.clients.map(encodeClient)
      : fields.ips.map((ip) => ipv4Bytes(parseIpv4(ip) ?? 0));
  if (entries.length === 0) return fields.type === "added" ? encodeEndOfReply(timestamp) : undefined;
  return concatBytes(updates(fields.type, entries, timestamp));
}

function encodeClient(client: ClientField): Uint8Array {
  const methods = client.methods.map(([index, payload]) => ({ index, payload: bytesOf(payload) }));
  return encodeClientObject({ ip: parseIpv4(client.ip) ?? 0, methods });
}
