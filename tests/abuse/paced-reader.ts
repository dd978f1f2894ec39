import { connect, type Socket } from "node:net";
import { encodeHandshake, encodeHeartbeat, encodeResponse } from "@lekt/protocol";
import { offersOf } from "../../packages/server/test/person.ts";
import type { Ground } from "./ground.ts";

/** Often: the system has no more than 64 KiB at hand. */
const READS_PER_SECOND = 8;

/** A client that asks for a roster and takes so many bytes of it a second, to the byte. */
export class PacedReader {
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async start(ground: Ground, network: string, bytesPerSecond: number): Promise<PacedReader> {
    const buffer = Buffer.alloc(bytesPerSecond / READS_PER_SECOND);
    const socket = await new Promise<Socket>((resolve, reject) => {
      const opened = connect({
        port: ground.port,
        host: "127.0.0.1",
        localAddress: ground.address(),
        // Stops behind each buffer, until it is time for the next.
        onread: { buffer, callback: () => false },
      });
      opened.once("error", reject);
      opened.once("connect", () => resolve(opened));
    });
    const timer = setInterval(() => socket.resume(), 1_000 / READS_PER_SECOND);
    socket.on("close", () => clearInterval(timer));
    // Nobody reads what the server asks for: it is asked for in the order of the offers.
    const offers = [...offersOf({ network, watch: true })].sort(([a], [b]) => a - b);
    socket.write(
      encodeHandshake(
        64,
        offers.map(([method]) => method),
      ),
    );
    for (const [method, payload] of offers) socket.write(encodeResponse(method, payload));
    socket.write(encodeHeartbeat(0n));
    return new PacedReader(socket);
  }
}
