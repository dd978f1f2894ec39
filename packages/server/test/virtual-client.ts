import {
  encodeHandshake,
  encodeHeartbeat,
  encodeResponse,
  encodeSignal,
  type RejectPacket,
  type SignalPacket,
} from "@lekt/protocol";
import type { Rendezvous } from "../src/rendezvous.ts";
import type { Visitor } from "../src/visitor.ts";
import type { FakeLink } from "./fake-link.ts";
import { offersOf, type Person } from "./person.ts";
import { type ReplyText, repliesOf, rosterOf } from "./reply-text.ts";

/** A client on a `FakeLink`. It does what a test tells it and nothing by itself. */
export class VirtualClient {
  readonly link: FakeLink;
  readonly visitor: Visitor | undefined;
  readonly #heart: Rendezvous;
  #closed = false;

  constructor(heart: Rendezvous, link: FakeLink) {
    this.#heart = heart;
    this.link = link;
    this.visitor = heart.connected(link);
    link.onWritable = () => {
      if (this.visitor) heart.writable(this.visitor);
    };
  }

  /** Sends all of it as one piece. */
  send(...packets: readonly Uint8Array[]): void {
    if (this.visitor) this.#heart.receive(this.visitor, Buffer.concat(packets), 0);
  }

  /** Handshake, and an answer to each request that came. */
  introduce(person: Person): void {
    const offers = offersOf(person);
    this.send(encodeHandshake(64, offers.keys()));
    for (const method of this.asked) {
      if (method !== 0) this.send(encodeResponse(method, offers.get(method) ?? new Uint8Array(0)));
    }
  }

  signal(to: Uint8Array, payload: Uint8Array): void {
    this.send(encodeSignal(to, payload));
  }

  beat(): void {
    this.send(HEARTBEAT);
  }

  /** The client ends its side. As the rim does, the connection goes when what was written is read. */
  halfClose(): void {
    if (!this.visitor || this.#closed) return;
    this.#heart.departed(this.visitor);
    if (this.link.waitingBytes === 0) this.close();
  }

  /** The connection is gone. */
  close(): void {
    if (!this.visitor || this.#closed) return;
    this.#closed = true;
    this.#heart.disconnected(this.visitor);
  }

  /** The methods that the server asked for, the final 0 included. */
  get asked(): number[] {
    return this.link.packets.flatMap((packet) => (packet.type === "request" ? [packet.method] : []));
  }

  get admitted(): boolean {
    return this.asked.at(-1) === 0;
  }

  get replies(): ReplyText[] {
    return repliesOf(this.link.packets).whole;
  }

  get lastReply(): ReplyText | undefined {
    return this.replies.at(-1);
  }

  get roster(): string[] {
    return rosterOf(this.link.packets);
  }

  /** The signals that came. */
  get signals(): SignalPacket[] {
    return this.link.packets.filter((packet) => packet.type === "signal");
  }

  get rejected(): RejectPacket | undefined {
    const last = this.link.packets.at(-1);
    return last?.type === "reject" ? last : undefined;
  }
}

const HEARTBEAT = encodeHeartbeat(1_700_000_000n);
