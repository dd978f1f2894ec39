import type { Socket } from "node:net";
import {
  type ClientObject,
  type ClientPacket,
  ClientPacketDecoder,
  encodeAccept,
  encodeClientObject,
  encodeEndOfReply,
  encodeReject,
  encodeRequest,
  encodeUpdates,
  isAskedFor,
  isPublished,
  METHOD,
  type RejectWord,
  rosterAddress,
} from "@lekt/protocol";

/** What a client said in its handshake and setup. */
export interface ScriptedSetup {
  /** The methods that it set. */
  readonly methods: readonly number[];
  readonly answers: ReadonlyMap<number, Uint8Array>;
  /** The client as a server would list it. */
  readonly object: ClientObject;
}

export interface ReplyParts {
  readonly removed?: readonly string[];
  readonly added?: readonly ClientObject[];
}

/** The client ended its side, or the connection is gone; a script that waits ends with it. */
export class ClientLeft extends Error {}

/** A client's connection, seen from a server that does just what a test's script says. */
export class ScriptedClient {
  readonly socket: Socket;
  /** Resolves when the client has ended its side, or the connection is gone. */
  readonly left: Promise<void>;
  readonly #decoder = new ClientPacketDecoder();
  readonly #packets: ClientPacket[] = [];
  #wake: () => void = () => {};
  #gone = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      this.#decoder.push(bytes);
      this.#drain();
    });
    this.left = new Promise((resolve) => {
      const leave = () => {
        this.#gone = true;
        this.#wake();
        resolve();
      };
      socket.once("end", leave);
      socket.once("close", leave);
    });
  }

  /** The client's next packet. @throws ClientLeft where none comes any more. */
  async next(): Promise<ClientPacket> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet) return packet;
      if (this.#gone) throw new ClientLeft();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next packet, which must be a heartbeat. */
  async heartbeat(): Promise<void> {
    const packet = await this.next();
    if (packet.type !== "heartbeat") throw new Error(`a ${packet.type} came, no heartbeat`);
  }

  /** Handshake and setup, up to the zero request. @param asks which methods are asked for. */
  async setup(asks: (method: number) => boolean = isAskedFor): Promise<ScriptedSetup> {
    const handshake = await this.next();
    if (handshake.type !== "handshake") throw new Error("no handshake came");
    const asked = handshake.methods.filter(asks);
    this.send(encodeAccept(), ...asked.map((method) => encodeRequest(method)));
    const answers = new Map<number, Uint8Array>();
    for (const method of asked) {
      const response = await this.next();
      if (response.type !== "response" || response.method !== method) throw new Error("another packet came");
      answers.set(method, response.payload);
    }
    this.ready();
    return { methods: handshake.methods, answers, object: this.#objectOf(answers) };
  }

  /** The zero request. */
  ready(): void {
    this.#decoder.phase = "heartbeat";
    this.send(encodeRequest(0));
    this.#drain();
  }

  send(...packets: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(packets));
  }

  /** A whole reply. */
  reply(parts: ReplyParts = {}): void {
    this.send(...updates(parts), encodeEndOfReply(0n));
  }

  /** Update packets without the end of a reply. */
  update(parts: ReplyParts): void {
    this.send(...updates(parts));
  }

  /** The word from the server with what it says of itself (spec 5.13). */
  tell(info: unknown): void {
    const payload = new TextEncoder().encode(JSON.stringify(info));
    this.update({ added: [{ ip: 0, methods: [{ index: METHOD.server, payload }] }] });
  }

  reject(word: RejectWord, text: string): void {
    this.socket.end(encodeReject(word, text));
  }

  /** Breaks the connection off. */
  cut(): void {
    this.socket.resetAndDestroy();
  }

  #objectOf(answers: ReadonlyMap<number, Uint8Array>): ClientObject {
    const address = rosterAddress(this.socket.remoteAddress ?? "");
    if (!address) throw new Error("the client is gone");
    const methods = [...answers].map(([index, payload]) => ({ index, payload }));
    if (address.ipv6) methods.push({ index: METHOD.ipv6, payload: address.ipv6 });
    const published = methods.filter(({ index }) => index === METHOD.ipv6 || isPublished(index));
    return { ip: address.ip, methods: published.sort((a, b) => a.index - b.index) };
  }

  #drain(): void {
    // The decoder stops in front of packets of a later phase: `ready` goes on.
    while (true) {
      const packet = this.#decoder.next();
      if (!packet) break;
      this.#packets.push(packet);
    }
    this.#wake();
  }
}

function updates({ removed = [], added = [] }: ReplyParts): readonly Uint8Array[] {
  const packets: Uint8Array[] = [];
  const allocate = (bytes: number) => {
    const packet = new Uint8Array(bytes);
    packets.push(packet);
    return packet;
  };
  const addresses = removed.map((text) => Uint8Array.from(text.split(".").map(Number)));
  encodeUpdates("removed", addresses, 0n, allocate);
  encodeUpdates(
    "added",
    added.map((object) => encodeClientObject(object)),
    0n,
    allocate,
  );
  return packets;
}
