import { Violation } from "./violation.ts";

type Phase = "handshake" | "setup" | "heartbeat" | "rejected";

/** What a server wrote, packet by packet, as far as it matters to what must hold. */
export interface StreamEvents {
  onAdmitted(): void;
  onReplyEnd(): void;
  onReject(message: string): void;
  onSignal(identity: Uint8Array, payload: Uint8Array): void;
}

const HEADER_BYTES = 8;
const REQUEST_BYTES = 12;
const UPDATE_HEAD_BYTES = 20;
const SIGNAL_HEAD_BYTES = 44;
/** The protocol asks for packets below this size (spec 5.10). */
const PACKET_END_BYTES = 65_536;
const TYPE = { accept: 0x41, request: 0x54, update: 0x48, reject: 0x52, signal: 0x53 } as const;
const KIND = { added: 0x41, removed: 0x52 } as const;

/**
 * Reads what a server writes to one client, and checks its form: each write ends between two packets, so that a
 * Reject never comes inside one; phases are in order; updates come only while a heartbeat waits for its reply.
 */
export class StreamAudit {
  /** Heartbeats that the server has read and not answered. */
  pending = 0;
  #phase: Phase = "handshake";
  #insideReply = false;
  readonly #events: StreamEvents;

  constructor(events: StreamEvents) {
    this.#events = events;
  }

  /** Whether a reply has begun and its end was not written. */
  get insideReply(): boolean {
    return this.#insideReply;
  }

  written(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (at < bytes.length) at += this.#packet(view, at);
  }

  /** @returns its length. */
  #packet(view: DataView, at: number): number {
    if (this.#phase === "rejected") throw new Violation("something was written behind a Reject");
    const left = view.byteLength - at;
    if (left < HEADER_BYTES) throw new Violation("a write ends inside a header");
    if (view.getUint32(at) !== 0x4c454b54) throw new Violation("a packet does not begin with LEKT");
    const length = this.#body(view, at, left);
    if (length > left) throw new Violation("a write ends inside a packet");
    if (length >= PACKET_END_BYTES) throw new Violation(`a packet of ${length} bytes`);
    return length;
  }

  #body(view: DataView, at: number, left: number): number {
    switch (view.getUint8(at + 4)) {
      case TYPE.accept:
        this.#expect("handshake", "an Accept");
        this.#phase = "setup";
        return HEADER_BYTES;
      case TYPE.request:
        this.#expect("setup", "a Request");
        if (left >= REQUEST_BYTES && view.getUint32(at + 8) === 0) {
          this.#phase = "heartbeat";
          this.#events.onAdmitted();
        }
        return REQUEST_BYTES;
      case TYPE.reject:
        return this.#reject(view, at);
      case TYPE.signal:
        this.#expect("heartbeat", "a signal");
        if (left < SIGNAL_HEAD_BYTES) throw new Violation("a write ends inside a signal's head");
        return this.#signal(view, at);
      case TYPE.update:
        this.#expect("heartbeat", "an update");
        return this.#update(view, at, left);
      default:
        throw new Violation("a packet of a type that a server does not send");
    }
  }

  #signal(view: DataView, at: number): number {
    const end = at + SIGNAL_HEAD_BYTES + view.getUint32(at + SIGNAL_HEAD_BYTES - 4);
    if (end > view.byteLength) throw new Violation("a write ends inside a signal");
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.#events.onSignal(
      bytes.subarray(at + HEADER_BYTES, at + SIGNAL_HEAD_BYTES - 4),
      bytes.subarray(at + SIGNAL_HEAD_BYTES, end),
    );
    return end - at;
  }

  #reject(view: DataView, at: number): number {
    let end = at + HEADER_BYTES;
    while (end < view.byteLength && view.getUint8(end) !== 0) end++;
    if (end === view.byteLength) throw new Violation("a Reject without its end");
    this.#phase = "rejected";
    const text = new Uint8Array(view.buffer, view.byteOffset + at + HEADER_BYTES, end - at - HEADER_BYTES);
    this.#events.onReject(new TextDecoder("utf-8", { fatal: true }).decode(text));
    return end + 1 - at;
  }

  #update(view: DataView, at: number, left: number): number {
    if (this.pending === 0) throw new Violation("an update that no heartbeat asked for");
    if (left < UPDATE_HEAD_BYTES) throw new Violation("a write ends inside an update's head");
    const kind = view.getUint8(at + 16);
    const count = view.getUint32(at + 16) & 0xffffff;
    this.#insideReply = true;
    if (kind === KIND.removed) return UPDATE_HEAD_BYTES + 4 * count;
    if (kind !== KIND.added) throw new Violation("an update that neither adds nor removes");
    if (count === 0) {
      this.pending--;
      this.#insideReply = false;
      this.#events.onReplyEnd();
      return UPDATE_HEAD_BYTES;
    }
    let length = UPDATE_HEAD_BYTES;
    for (let i = 0; i < count; i++) {
      if (length + 4 > left) throw new Violation("a write ends inside a client object");
      length += 4 + view.getUint32(at + length);
    }
    return length;
  }

  #expect(phase: Phase, what: string): void {
    if (this.#phase !== phase) throw new Violation(`${what} in the ${this.#phase} phase`);
  }
}
