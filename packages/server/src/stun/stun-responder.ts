import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { addressGroup, answerBindingRequest, rosterAddress } from "@lekt/protocol";
import type { EventLog } from "../event-log.ts";
import { listenError } from "../listen-error.ts";
import type { StunRate } from "./stun-rate.ts";

/** Answers that wait where the line is slower than the questions come; beyond that there are none. */
const MAX_WAITING_BYTES = 65_536;

/** Tells whoever asks by UDP the address that they come from (spec 8.3). */
export class StunResponder {
  readonly #rate: StunRate;
  readonly #log: EventLog;
  readonly #socket: Socket;

  private constructor(socket: Socket, rate: StunRate, log: EventLog) {
    this.#socket = socket;
    this.#rate = rate;
    this.#log = log;
    socket.on("message", (bytes, from) => this.#answer(bytes, from));
    socket.on("error", (error) => this.#log.stunFailed(error));
  }

  /**
   * @param host an address of this machine; `::` stands for all of both families.
   * @param port 0: any free one.
   * @throws LektError
   */
  static async open(host: string, port: number, rate: StunRate, log: EventLog): Promise<StunResponder> {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    try {
      socket.bind({ address: host, port });
      await once(socket, "listening");
    } catch (error) {
      socket.close();
      throw listenError(error as NodeJS.ErrnoException, host, `UDP port ${port}`);
    }
    return new StunResponder(socket, rate, log);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.close(resolve);
    });
  }

  #answer(bytes: Uint8Array, from: RemoteInfo): void {
    const address = rosterAddress(from.address);
    // Nobody can be answered at port 0.
    if (!address || from.port === 0 || !this.#rate.admits(addressGroup(address), performance.now())) return;
    if (this.#socket.getSendQueueSize() > MAX_WAITING_BYTES) return;
    const answer = answerBindingRequest(bytes, from);
    // Best effort: who gets no answer asks again.
    if (answer) this.#socket.send(answer, from.port, from.address, () => {});
  }
}
