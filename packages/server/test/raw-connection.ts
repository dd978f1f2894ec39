import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  encodeHandshake,
  encodeHeartbeat,
  encodeResponse,
  type RejectPacket,
  type ServerPacket,
  ServerPacketDecoder,
} from "@lekt/protocol";
import { offersOf, type Person } from "./person.ts";
import { type ReplyText, repliesOf, rosterOf } from "./reply-text.ts";

export interface RawConnectionOptions {
  readonly host?: string;
  /** An address of this machine to come from. */
  readonly from?: string;
  /** It goes on reading when it has ended its side, and does not end it because the server did. */
  readonly allowHalfOpen?: boolean;
}

/** A client of bytes: a real socket that sends what it is told to, and decodes what comes. */
export class RawConnection {
  readonly socket: Socket;
  readonly packets: ServerPacket[] = [];
  /** All that came. */
  bytes = Buffer.alloc(0);
  /** The server has ended its side, or the connection is gone. */
  ended = false;
  /** What the socket says of a connection that was cut off. */
  error: NodeJS.ErrnoException | undefined;
  readonly #decoder = new ServerPacketDecoder();
  #wake: () => void = () => {};

  protected constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, bytes]);
      this.#decoder.push(bytes);
      for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) {
        this.packets.push(packet);
      }
      this.#wake();
    });
    socket.on("error", (error) => {
      this.error = error;
    });
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.ended = true;
        this.#wake();
      });
    }
  }

  static async connect(port: number, options: RawConnectionOptions = {}): Promise<RawConnection> {
    const { host = "127.0.0.1", from, allowHalfOpen = false } = options;
    const socket = connect({ port, host, allowHalfOpen, noDelay: true, ...(from && { localAddress: from }) });
    const client = new RawConnection(socket);
    await once(socket, "connect");
    return client;
  }

  send(...packets: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(packets));
  }

  /** Handshake and setup, up to the zero request. */
  async introduce(person: Person): Promise<this> {
    const offers = offersOf(person);
    this.send(encodeHandshake(64, offers.keys()));
    // Everything that it offers is asked for; a token on loopback, too.
    await this.until(() => this.asked.length >= offers.size);
    this.send(...this.asked.map((method) => encodeResponse(method, offers.get(method) ?? new Uint8Array(0))));
    await this.until(() => this.asked.at(-1) === 0);
    return this;
  }

  /** Sends a heartbeat and waits for its reply. */
  async beat(): Promise<ReplyText> {
    const { length } = repliesOf(this.packets).whole;
    this.send(encodeHeartbeat(0n));
    return this.reply(length);
  }

  /** The reply of this number, counted from 0. */
  async reply(number: number): Promise<ReplyText> {
    await this.until(() => repliesOf(this.packets).whole.length > number);
    return repliesOf(this.packets).whole[number] ?? [];
  }

  /** Waits until it is so. @throws where it is not and the connection has ended. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.ended)
        throw new Error(`the server ended the connection: ${this.rejected?.message ?? "no word"}`);
      await this.#news();
    }
  }

  /** Waits until the server has ended its side, or the connection is gone. */
  async end(): Promise<void> {
    while (!this.ended) await this.#news();
  }

  /** The methods that the server asked for, the final 0 included. */
  get asked(): number[] {
    return this.packets.flatMap((packet) => (packet.type === "request" ? [packet.method] : []));
  }

  get roster(): string[] {
    return rosterOf(this.packets);
  }

  get rejected(): RejectPacket | undefined {
    const last = this.packets.at(-1);
    return last?.type === "reject" ? last : undefined;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
