import type { Duplex } from "node:stream";
import type { Endpoint, RawPath } from "@lekt/protocol";
import { oneAtLeast } from "../network/found-paths.ts";
import { dialFromPort } from "./fixed-port-dial.ts";
import type { PortLease } from "./local-ports.ts";
import { rawPath } from "./peer-socket.ts";

/** Dials from a leased port, perhaps to several addresses, and gives the port back when it is free. */
export class LeasedDials {
  readonly #lease: PortLease;
  readonly #onPath: (path: RawPath<Duplex>) => void;
  #open = 0;
  #isUsed = false;

  constructor(lease: PortLease, onPath: (path: RawPath<Duplex>) => void) {
    this.#lease = lease;
    this.#onPath = onPath;
  }

  /** @throws the first reason where none of them was reached */
  async dial(remotes: readonly Endpoint[], signal: AbortSignal): Promise<void> {
    await oneAtLeast(
      remotes.map(async (remote) => {
        const socket = await dialFromPort(this.#lease.local, remote, signal);
        this.#isUsed = true;
        this.#open++;
        socket.once("close", () => {
          if (--this.#open === 0) this.#lease.releaseLater();
        });
        this.#onPath(rawPath(socket, "both"));
      }),
    );
  }

  /** No more are dialled. Where there was a connection, the port is free some time after its end. */
  end(): void {
    if (!this.#isUsed) this.#lease.release();
  }
}
