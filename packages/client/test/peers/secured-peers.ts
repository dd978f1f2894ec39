import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { createIdentity } from "../../src/peers/identity.ts";
import { type SecuredPath, type SecurePathOptions, securePath } from "../../src/peers/secure-path.ts";
import type { RawPair } from "./raw-paths.ts";

/** Ada dials and Grace accepts, as a rule; Mallory is up to something. */
export const [ada, grace, mallory] = await Promise.all([
  createIdentity(),
  createIdentity(),
  createIdentity(),
]);

export const NETWORK_KEY = new Uint8Array(32).fill(7);

export type Options = Partial<SecurePathOptions>;

export function dialing(raw: Duplex, options: Options = {}): Promise<SecuredPath> {
  return securePath(raw, { identity: ada, role: "dialing", tls: "client", timeoutMs: 20_000, ...options });
}

export function accepting(raw: Duplex, options: Options = {}): Promise<SecuredPath> {
  return securePath(raw, {
    identity: grace,
    role: "accepting",
    tls: "server",
    timeoutMs: 20_000,
    ...options,
  });
}

/** "secured", or the code of the error, of each side. */
export async function outcomes(sides: readonly Promise<SecuredPath>[]): Promise<string[]> {
  const settled = await Promise.allSettled(sides);
  return settled.map((side) => (side.status === "fulfilled" ? "secured" : (side.reason.code ?? side.reason)));
}

export function bothSides([a, b]: RawPair, dial: Options = {}, accept: Options = {}): Promise<SecuredPath>[] {
  return [dialing(a, dial), accepting(b, accept)];
}

/** The streams of both sides. */
export async function securedPair(pair: RawPair): Promise<[Duplex, Duplex]> {
  const [a, b] = await Promise.all([dialing(pair[0]), accepting(pair[1])]);
  return [a.stream, b.stream];
}

/** What peers speak in TLS, as somebody writes it who keeps no rule but those given. */
const MALLORYS = {
  cert: mallory.certificatePem,
  key: mallory.privateKeyPem,
  ALPNProtocols: ["lekt-peer/1"],
  rejectUnauthorized: false,
};

/** TLS by hand, as its client; errors of it are of no interest. */
export function rawTlsClient(raw: Duplex, options: ConnectionOptions = {}): TLSSocket {
  return connect({ ...MALLORYS, ...options, socket: raw }).on("error", () => {});
}

/** TLS by hand, as its server. */
export function rawTlsServer(
  raw: Duplex,
  options: TlsOptions = {},
  onSecure: (tls: TLSSocket) => void = () => {},
): void {
  const server = createServer({ ...MALLORYS, requestCert: true, ...options });
  server.on("secureConnection", (tls) => onSecure(tls.on("error", () => {})));
  server.on("tlsClientError", () => {});
  server.emit("connection", raw);
}
