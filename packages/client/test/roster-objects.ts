import { type ClientObject, encodeUtf8, METHOD, parseIpv4 } from "@lekt/protocol";

/** A client object: an address, and payloads by index. */
export function clientObject(ip: string, payloads: Readonly<Record<number, Uint8Array>> = {}): ClientObject {
  const methods = Object.entries(payloads).map(([index, payload]) => ({ index: Number(index), payload }));
  return { ip: parseIpv4(ip) as number, methods };
}

/** … of somebody with a name. */
export function named(name: string, ip = "192.0.2.1"): ClientObject {
  return clientObject(ip, { [METHOD.name]: encodeUtf8(name) });
}
