/** What LEKT's streams are compared with: TCP, and TLS 1.3 as Node.js speaks it by itself. */
import { once } from "node:events";
import { connect as connectTcp, createServer as createTcpServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { createIdentity } from "@lekt/client";

export type RawKind = "raw TCP" | "raw TLS";

export interface RawAddress {
  readonly host: string;
  readonly port: number;
}

const TLS_VERSION = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const;

/** @returns the port. */
export async function listenRaw(
  kind: RawKind,
  host: string,
  serve: (stream: Duplex) => void,
): Promise<number> {
  const server = await serverOf(kind, serve);
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

async function serverOf(kind: RawKind, serve: (stream: Duplex) => void): Promise<Server> {
  const options = { allowHalfOpen: true, noDelay: true };
  if (kind === "raw TCP") return createTcpServer(options, serve);
  const { certificatePem, privateKeyPem } = await createIdentity();
  return createTlsServer({ ...options, ...TLS_VERSION, cert: certificatePem, key: privateKeyPem }, serve);
}

export async function connectRaw(kind: RawKind, { host, port }: RawAddress): Promise<Duplex> {
  const options = { host, port, allowHalfOpen: true, noDelay: true };
  if (kind === "raw TCP") {
    const socket = connectTcp(options);
    await once(socket, "connect");
    return socket;
  }
  // Whose certificate it is does not matter here.
  const socket = connectTls({ ...options, ...TLS_VERSION, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  return socket;
}
