import { once } from "node:events";
import { type Duplex, finished } from "node:stream";
import { decodeListeningPorts, type ListeningPorts, type NetworkFacts } from "@lekt/protocol";
import { onTestFinished } from "vitest";
import { TcpMethod, type TcpOptions } from "../src/tcp/tcp-method.ts";
import { controlConnection, IDENTITY_A, IDENTITY_B, LoopbackListener, started } from "./fake-host.ts";

export const LOOPBACK = { host: "127.0.0.1" };

export async function method(
  options: TcpOptions = LOOPBACK,
  identity = IDENTITY_A,
  gateways?: ConstructorParameters<typeof TcpMethod>[1],
) {
  const one = await started(new TcpMethod(options, gateways), identity);
  onTestFinished(() => one.method.close());
  return one;
}

/** What the server tells one that it sees at `publicAddress`. */
export function facts(publicAddress: string, localAddress = publicAddress): NetworkFacts {
  return { publicAddress, localAddress, publicPort: 1, localPort: 1, relay: undefined, stun: [] };
}

export async function serverAndFacts() {
  const server = await LoopbackListener.listen();
  onTestFinished(() => server.close());
  const control = await controlConnection(server);
  onTestFinished(() => void control.socket.destroy());
  return control.facts;
}

export function ports(payload: Uint8Array): ListeningPorts {
  const decoded = decodeListeningPorts(payload);
  if (typeof decoded === "string") throw new Error(decoded);
  return decoded;
}

/** A as a dialling method, B as one that listens; both with the server on this machine. */
export async function pair(optionsOfB: TcpOptions = LOOPBACK) {
  const a = await method();
  const b = await method(optionsOfB, IDENTITY_B);
  for (const { method: one } of [a, b]) one.learned(await serverAndFacts());
  const peer = { identity: IDENTITY_B, address: "127.0.0.1", payload: await b.host.published.next() };
  return { a, b, peer };
}

export const ended = (stream: Duplex) => new Promise((resolve) => finished(stream, resolve));

export async function text(stream: Duplex): Promise<string> {
  let all = "";
  stream.on("data", (chunk) => {
    all += chunk;
  });
  await once(stream, "end");
  return all;
}
