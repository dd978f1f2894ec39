import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { answerBindingRequest, type Endpoint } from "@lekt/protocol";

/** A STUN server on loopback, which sees its clients as `seen` says: as through an address translator. */
export class StunResponder {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(seen: (from: Endpoint) => Endpoint = (from) => from): Promise<StunResponder> {
    const socket = createSocket("udp4");
    socket.on("message", (request, from) => {
      const answer = answerBindingRequest(request, seen(from));
      if (answer) socket.send(answer, from.port, from.address);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new StunResponder(socket);
  }

  /** "host:port" */
  get text(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  close(): void {
    this.#socket.close();
  }
}
