import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { LektError } from "@lekt/protocol";
import { endpointText } from "../network/endpoint-text.ts";

export interface PeerListenerOptions {
  /** Undefined: all addresses of both families, or of IPv4 alone where the system has no IPv6. */
  readonly host: string | undefined;
  /** 0: any that is free. */
  readonly port: number;
  /** Open at once, those that were handed over included; further ones are closed as they come. */
  readonly maxConnections: number;
  readonly onConnection: (socket: Socket) => void;
}

export interface PeerListener {
  /** "::": all addresses of both families; "0.0.0.0": all IPv4 ones. */
  readonly address: string;
  readonly port: number;
  /** Takes no further connections; open ones stay. */
  close(): void;
}

/** What systems without IPv6 say. */
const NO_IPV6 = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL", "EINVAL"]);

/** @throws LektError */
export async function listenForPeers(options: PeerListenerOptions): Promise<PeerListener> {
  const server = createServer({ allowHalfOpen: true }, options.onConnection);
  server.maxConnections = options.maxConnections;
  await bind(server, options);
  // Such as too many open files: the connection is lost, the listener stays.
  server.on("error", () => {});
  const { address, port } = server.address() as AddressInfo;
  return { address, port, close: () => server.close() };
}

async function bind(server: Server, { host, port }: PeerListenerOptions): Promise<void> {
  try {
    if (host !== undefined) return await listen(server, host, port);
    try {
      await listen(server, "::", port);
    } catch (error) {
      if (!NO_IPV6.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      await listen(server, "0.0.0.0", port);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const where = endpointText(host ?? "*", port);
    if (code === "EADDRINUSE")
      throw new LektError("LEKT_ADDRESS_IN_USE", `Another program listens on ${where}; choose another port.`);
    throw new LektError("LEKT_LISTEN", `Cannot listen for peers on ${where}: ${message}`, { cause: error });
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
