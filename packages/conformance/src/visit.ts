import type { Socket } from "node:net";
import {
  type ClientObject,
  type ClientPacket,
  ClientPacketDecoder,
  concatBytes,
  encodeAccept,
  encodeClientObject,
  encodeEndOfReply,
  encodeRequest,
  encodeUpdates,
  type HandshakePacket,
  isAskedFor,
  isPublished,
  METHOD,
  ProtocolError,
  parseIpv4,
  setsSignals,
} from "@lekt/protocol";
import { type Evidence, Failed } from "./check.ts";
import { ByteTail, evidenceOf } from "./evidence-text.ts";
import { Waiting } from "./waiting.ts";

/** What one client may send us in all. */
export const MAX_VISIT_BYTES = 1_024 * 1_024;
/** Who has not closed after so long stays. */
const STAY_MS = 400;

/** What a scripted server does in the setup. */
export interface SetupScript {
  /** Which of the methods that were set are asked for. Default: all that this version asks for. */
  readonly asks?: (methods: readonly number[]) => readonly number[];
  /** Changes what is sent: to other bytes, for example. */
  readonly send?: (bytes: Uint8Array) => Promise<void> | void;
  /** What the word for `server` says (methods.md, 23). Default 10. */
  readonly heartbeatSeconds?: number;
}

/** One connection of the client that is checked, seen from its server. Nothing that comes is trusted. */
export class Visit {
  readonly socket: Socket;
  readonly patienceMs: number;
  /** When it came. */
  readonly atMs = performance.now();
  handshake: HandshakePacket | undefined;
  readonly answers = new Map<number, Uint8Array>();
  readonly #decoder = new ClientPacketDecoder();
  readonly #packets: ClientPacket[] = [];
  readonly #sent = new ByteTail();
  readonly #received = new ByteTail();
  readonly #words: string[] = [];
  readonly #waiting = new Waiting();
  #ended = false;
  #fault: string | undefined;

  constructor(socket: Socket, patienceMs: number) {
    this.socket = socket;
    this.patienceMs = patienceMs;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.#ended = true;
        this.#waiting.wake();
      });
    }
  }

  get evidence(): Evidence {
    return evidenceOf(this.#sent, [], this.#received, this.#words);
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(...packets: readonly Uint8Array[]): void {
    const bytes = concatBytes(packets);
    this.#sent.add(bytes);
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  async sendByteByByte(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      this.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next packet. @throws Failed where none comes, or none that can be read. */
  async next(expected: string, waitMs = this.patienceMs): Promise<ClientPacket> {
    const packet = await this.poll(waitMs);
    if (packet) return packet;
    throw new Failed(expected, this.#nothing(waitMs));
  }

  /** The next packet if one comes in this time. @throws Failed where what comes cannot be read. */
  async poll(waitMs: number): Promise<ClientPacket | undefined> {
    return await this.#until(this.#look, waitMs);
  }

  /** @throws Failed where a packet comes, or the connection ends. */
  async quiet(expected: string, waitMs: number): Promise<void> {
    const packet = await this.#waiting.untilQuiet(this.#look, waitMs, this.#isOver);
    if (packet) throw new Failed(expected, clientPacketWords(packet));
    if (this.#ended) throw new Failed(expected, this.#nothing(waitMs));
  }

  async heartbeat(expected = "a Heartbeat", waitMs = this.patienceMs): Promise<bigint> {
    const packet = await this.next(expected, waitMs);
    if (packet.type !== "heartbeat") throw new Failed(expected, clientPacketWords(packet));
    return packet.timestamp;
  }

  /** The client's Handshake. */
  async greeted(): Promise<HandshakePacket> {
    const packet = await this.next("a Handshake");
    if (packet.type !== "handshake") throw new Failed("a Handshake", clientPacketWords(packet));
    this.handshake = packet;
    return packet;
  }

  /** Handshake, Accept, Requests and answers; the zero request has yet to come. */
  async asked({ asks = askedOf, send = (bytes) => this.send(bytes) }: SetupScript = {}) {
    const { methods } = await this.greeted();
    const requests = asks(methods);
    await send(concatBytes([encodeAccept(), ...requests.map((method) => encodeRequest(method))]));
    for (const method of requests) {
      const expected = `a Response for method ${method}`;
      const packet = await this.next(expected);
      if (packet.type !== "response" || packet.method !== method) {
        throw new Failed(expected, clientPacketWords(packet));
      }
      this.answers.set(method, packet.payload);
    }
  }

  /** From now on Heartbeats may come. */
  begin(): void {
    this.#decoder.phase = "heartbeat";
  }

  /** Setup, up to the first Heartbeat; its reply has yet to come. @returns the Heartbeat's time stamp. */
  async introduced(script: SetupScript = {}, expected = "the first Heartbeat"): Promise<bigint> {
    const { send = (bytes: Uint8Array) => this.send(bytes) } = script;
    await this.asked(script);
    this.begin();
    await send(encodeRequest(0));
    return await this.heartbeat(expected);
  }

  /** Setup, the first Heartbeat and the first reply, with these peers. */
  async settled(script: SetupScript = {}, peers: readonly ClientObject[] = []): Promise<void> {
    const { send = (bytes: Uint8Array) => this.send(bytes), heartbeatSeconds = 10 } = script;
    await this.introduced(script);
    await send(
      concatBytes([
        this.serverWord(heartbeatSeconds),
        this.resumeWord(),
        ...added([this.self, ...peers]),
        END,
      ]),
    );
  }

  /** What the server says of itself, where the client asked; otherwise nothing. */
  serverWord(heartbeatSeconds: number): Uint8Array {
    if (!this.answers.has(METHOD.server)) return new Uint8Array(0);
    const you = { address: this.socket.remoteAddress, port: this.socket.remotePort };
    const text = JSON.stringify({ you, heartbeatSeconds, relay: null, stun: [] });
    return concatBytes(added([word(METHOD.server, new TextEncoder().encode(text))]));
  }

  /** "Your roster starts empty", where the client would like to resume. */
  resumeWord(): Uint8Array {
    if (!this.answers.has(METHOD.resume)) return new Uint8Array(0);
    return concatBytes(added([word(METHOD.resume, new Uint8Array(0))]));
  }

  /** Whether a server that honours it may hold a reply. */
  get holds(): boolean {
    return (this.answers.get(METHOD.hold) ?? []).some((byte) => byte !== 0);
  }

  /** The client as a server lists it. */
  get self(): ClientObject {
    const published = [...this.answers].filter(([index]) => isPublished(index)).sort(([a], [b]) => a - b);
    return {
      ip: parseIpv4(this.socket.remoteAddress ?? "") ?? 0x7f000001,
      methods: published.map(([index, payload]) => ({ index, payload })),
    };
  }

  /** Update packets that a client must take: it stays, and its reply ends when it asks for one. */
  async mustTake(why: string, ...packets: readonly Uint8Array[]): Promise<void> {
    this.send(...packets);
    const packet = await this.#waiting.untilQuiet(this.#look, STAY_MS, this.#isOver);
    if (packet) {
      this.send(END);
      await this.#waiting.untilQuiet(() => this.#ended || undefined, STAY_MS);
    }
    if (this.#ended) throw new Failed(`a client that stays: ${why}`, "the end of its stream");
  }

  /** The client must end the connection (spec 1.5.4). */
  async mustClose(why: string, waitMs = this.patienceMs): Promise<void> {
    if (await this.#until(() => this.#ended || undefined, waitMs)) return;
    throw new Failed(`a client that closes: ${why}`, `none within ${Math.round(waitMs)} ms`);
  }

  close(): void {
    this.socket.destroy();
  }

  #take(bytes: Uint8Array): void {
    this.#received.add(bytes);
    if (this.#received.total > MAX_VISIT_BYTES) this.#fault ??= `more than ${MAX_VISIT_BYTES} bytes`;
    if (this.#fault === undefined) {
      this.#decoder.push(bytes);
      try {
        for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) {
          this.#packets.push(packet);
          this.#words.push(clientPacketWords(packet));
          if (this.#words.length > 6) this.#words.shift();
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#fault = error.message;
      }
    }
    this.#waiting.wake();
  }

  #nothing(waitMs: number): string {
    if (this.#fault !== undefined) return `bytes that break a rule: ${this.#fault}`;
    return this.#ended ? "the end of the client's stream" : `no packet within ${Math.round(waitMs)} ms`;
  }

  #until<T>(look: () => T | undefined, waitMs: number): Promise<T | undefined> {
    return this.#waiting.until(look, waitMs, this.#isOver);
  }

  readonly #isOver = () => this.#ended;

  /** @throws Failed where what comes cannot be read. */
  readonly #look = () => {
    const packet = this.#packets.shift();
    if (!packet && this.#fault !== undefined) throw new Failed("a packet that is right", this.#nothing(0));
    return packet;
  };
}

/** What our server asks for. */
function askedOf(methods: readonly number[]): readonly number[] {
  return methods.filter((method) => isAskedFor(method) && (method !== METHOD.signal || setsSignals(methods)));
}

export const END: Uint8Array = encodeEndOfReply(0n);

export function added(objects: readonly ClientObject[]): Uint8Array[] {
  return updates(
    "added",
    objects.map((object) => encodeClientObject(object)),
  );
}

export function removed(ips: readonly number[]): Uint8Array[] {
  return updates(
    "removed",
    ips.map((ip) => Uint8Array.of(ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255)),
  );
}

/** A word from the server to this one client (spec 5.13). */
export function word(index: number, payload: Uint8Array): ClientObject {
  return { ip: 0, methods: [{ index, payload }] };
}

function updates(kind: "added" | "removed", entries: readonly Uint8Array[]): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const now = BigInt(Math.floor(Date.now() / 1_000));
  encodeUpdates(kind, entries, now, (bytes) => {
    const packet = new Uint8Array(bytes);
    packets.push(packet);
    return packet;
  });
  return packets;
}

export function clientPacketWords(packet: ClientPacket): string {
  switch (packet.type) {
    case "handshake":
      return `Handshake n=${packet.known} {${packet.methods.join(",")}}`;
    case "response":
      return `Response ${packet.method} (${packet.payload.length} bytes)`;
    case "heartbeat":
      return "Heartbeat";
    case "circuit":
      return "Circuit";
    case "signal":
      return `Signal (${packet.payload.length} bytes)`;
  }
}
