import {
  type ClientPacket,
  ClientPacketDecoder,
  type ServerPacket,
  ServerPacketDecoder,
} from "@lekt/protocol";

/** A whole packet with its bytes; an update has all of its objects or addresses. */
export interface ServerBytes {
  readonly head: ServerPacket;
  readonly pieces: readonly ServerPacket[];
  readonly bytes: Uint8Array;
}

/** Cuts what a server sends into whole packets. */
export class ServerStream {
  readonly #decoder = new ServerPacketDecoder();
  #bytes = Buffer.alloc(0);
  #start = 0;
  #open: { head: ServerPacket; pieces: ServerPacket[]; left: number } | undefined;

  read(chunk: Uint8Array): ServerBytes[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#decoder.push(chunk);
    const packets: ServerBytes[] = [];
    for (let piece = this.#decoder.next(); piece; piece = this.#decoder.next()) {
      if (piece.type === "client" || piece.type === "address") {
        this.#open?.pieces.push(piece);
        if (this.#open) this.#open.left--;
      } else {
        this.#open = { head: piece, pieces: [], left: "count" in piece ? piece.count : 0 };
      }
      if (this.#open?.left !== 0) continue;
      const length = this.#decoder.offset - this.#start;
      packets.push({
        head: this.#open.head,
        pieces: this.#open.pieces,
        bytes: this.#bytes.subarray(0, length),
      });
      this.#bytes = this.#bytes.subarray(length);
      this.#start = this.#decoder.offset;
    }
    return packets;
  }
}

/** Cuts what a client sends into whole packets; each side of the conversation moves its phase on. */
export class ClientStream {
  readonly #decoder = new ClientPacketDecoder({
    judge: { admitResponse: () => {} },
    maxKnownMethods: 0xffffffff,
  });
  #bytes = Buffer.alloc(0);
  #start = 0;
  /** What it sends cannot be read, and is passed on as it is. */
  #broken = false;

  /** The zero request has come. */
  begin(): void {
    this.#decoder.phase = "heartbeat";
  }

  /** Whole packets, and bytes of none. */
  read(chunk: Uint8Array): { readonly packet?: ClientPacket; readonly bytes: Uint8Array }[] {
    if (this.#broken) return [{ bytes: chunk }];
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#decoder.push(chunk);
    const packets: { packet?: ClientPacket; bytes: Uint8Array }[] = [];
    try {
      for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) {
        const length = this.#decoder.offset - this.#start;
        packets.push({ packet, bytes: this.#bytes.subarray(0, length) });
        this.#bytes = this.#bytes.subarray(length);
        this.#start = this.#decoder.offset;
      }
    } catch {
      this.#broken = true;
      packets.push({ bytes: this.#bytes });
    }
    return packets;
  }
}
