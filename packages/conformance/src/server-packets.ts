import {
  type AcceptPacket,
  type ClientObject,
  formatIpv4,
  formatVersion,
  type RejectPacket,
  type RequestPacket,
  ServerPacketDecoder,
  type SignalPacket,
  toHex,
} from "@lekt/protocol";

/** An update with all that is in it. */
export interface AddedUpdate {
  readonly type: "added";
  readonly timestamp: bigint;
  readonly objects: readonly ClientObject[];
  readonly byteLength: number;
}

export interface RemovedUpdate {
  readonly type: "removed";
  readonly timestamp: bigint;
  readonly ips: readonly number[];
  readonly byteLength: number;
}

export type WholePacket =
  | AcceptPacket
  | RejectPacket
  | RequestPacket
  | SignalPacket
  | AddedUpdate
  | RemovedUpdate;

interface OpenUpdate {
  readonly kind: "added" | "removed";
  readonly timestamp: bigint;
  readonly start: number;
  readonly objects: ClientObject[];
  readonly ips: number[];
  left: number;
}

/** Puts the pieces of updates together: a check judges whole packets. Who reads bounds the bytes. */
export class WholePacketReader {
  readonly #decoder = new ServerPacketDecoder();
  #open: OpenUpdate | undefined;

  push(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
  }

  get insidePacket(): boolean {
    return this.#open !== undefined || this.#decoder.insidePacket;
  }

  /** @throws LektError where the server broke the form. */
  next(): WholePacket | undefined {
    for (;;) {
      const start = this.#decoder.offset;
      const piece = this.#decoder.next();
      if (!piece) return undefined;
      switch (piece.type) {
        case "added":
        case "removed": {
          const { type: kind, timestamp, count } = piece;
          this.#open = { kind, timestamp, start, objects: [], ips: [], left: count };
          break;
        }
        case "client":
          this.#take((open) => open.objects.push(piece.object));
          break;
        case "address":
          this.#take((open) => open.ips.push(piece.ip));
          break;
        default:
          return piece;
      }
      if (this.#open?.left === 0) return this.#close(this.#open);
    }
  }

  #take(add: (open: OpenUpdate) => void): void {
    if (!this.#open) return;
    add(this.#open);
    this.#open.left--;
  }

  #close({ kind, timestamp, start, objects, ips }: OpenUpdate): AddedUpdate | RemovedUpdate {
    this.#open = undefined;
    const byteLength = this.#decoder.offset - start;
    return kind === "added"
      ? { type: "added", timestamp, objects, byteLength }
      : { type: "removed", timestamp, ips, byteLength };
  }
}

/** A packet in a few words. */
export function packetWords(packet: WholePacket): string {
  switch (packet.type) {
    case "accept":
      return `Accept ${formatVersion(packet.version)}`;
    case "reject":
      return `Reject ${JSON.stringify(packet.message.slice(0, 120))}`;
    case "request":
      return `Request ${packet.method}`;
    case "signal":
      return `Signal from ${toHex(packet.identity.subarray(0, 4))}… (${packet.payload.length} bytes)`;
    case "added":
      return packet.objects.length === 0
        ? "end of reply"
        : `Added ${packet.objects.slice(0, 4).map(objectWords).join(" ")}${more(packet.objects.length)}`;
    case "removed":
      return `Removed ${packet.ips.slice(0, 4).map(formatIpv4).join(" ")}${more(packet.ips.length)}`;
  }
}

export function objectWords(object: ClientObject): string {
  return `${formatIpv4(object.ip)}{${object.methods.map(({ index }) => index).join(",")}}`;
}

function more(count: number): string {
  return count > 4 ? ` … (${count})` : "";
}
