import { type AddressInfo, createServer } from "node:net";
import type { Endpoint, NetworkFacts } from "@lekt/protocol";

/** A closed connection keeps its pair of ports for so long on one of its sides (TIME-WAIT). */
const TIME_WAIT_MS = 60_000;

/** A local port from which a peer is dialled, and what it is called outside. */
export interface PortLease {
  readonly local: Endpoint;
  readonly publicPort: number;
  /** Nothing was opened from it. */
  release(): void;
  /** A connection from it has ended. */
  releaseLater(): void;
}

/**
 * The port of the connection to the server is the one whose public number is known. From it one connection can
 * be made to the same port of a peer; a further one needs another port, and can guess what that is called
 * outside only where the router changes no numbers.
 */
export class LocalPorts {
  /** Local port and peer. */
  readonly #inUse = new Set<string>();
  readonly #waiting = new Set<NodeJS.Timeout>();

  /** @returns in words why there is none. */
  async lease(peer: string, facts: NetworkFacts | undefined): Promise<PortLease | string> {
    const { localAddress: address, localPort, publicPort } = facts ?? {};
    if (address === undefined || localPort === undefined || publicPort === undefined)
      return "the server does not say at which port it sees this machine";
    const pair = `${localPort} ${peer}`;
    if (!this.#inUse.has(pair)) {
      this.#inUse.add(pair);
      return this.#portLease(pair, { address, port: localPort }, publicPort);
    }
    if (localPort !== publicPort) return "the port that both know is in use between these two peers";
    const port = await freePort(address);
    return { local: { address, port }, publicPort: port, release() {}, releaseLater() {} };
  }

  close(): void {
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#waiting.clear();
  }

  #portLease(pair: string, local: Endpoint, publicPort: number): PortLease {
    const release = () => this.#inUse.delete(pair);
    return {
      local,
      publicPort,
      release,
      releaseLater: () => {
        const timer = setTimeout(() => {
          this.#waiting.delete(timer);
          release();
        }, TIME_WAIT_MS).unref();
        this.#waiting.add(timer);
      },
    };
  }
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address, port: 0 }, resolve);
    });
    return (server.address() as AddressInfo).port;
  } finally {
    server.close();
  }
}
