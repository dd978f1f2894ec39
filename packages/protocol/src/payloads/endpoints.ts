import { copyBytes } from "../bytes.ts";
import { readU16, readU32, writeU16, writeU32 } from "../integers.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../ip.ts";

/*
 * The payload of `tcp`, and of `udp` behind its version byte (spec/methods.md)
 *
 *   0   port at the client's IP (u16); 0: no port is open to strangers
 *   2   up to 8 further endpoints: family (u8, 4 or 6), 4 or 16 address bytes, port (u16, not 0)
 */
export const MAX_ENDPOINTS = 8;

export interface Endpoint {
  /** IPv4 or IPv6, as text. */
  readonly address: string;
  /** 1 to 65,535. */
  readonly port: number;
}

export interface ListeningPorts {
  /** At the client's IP; 0 where no port is open to strangers. */
  readonly port: number;
  readonly endpoints: readonly Endpoint[];
}

/** @returns the fault, as text, where the bytes are malformed. */
export function decodeListeningPorts(payload: Uint8Array): ListeningPorts | string {
  if (payload.length < 2) return "too short for a port";
  const endpoints: Endpoint[] = [];
  for (let at = 2; at < payload.length; ) {
    const number = endpoints.length + 1;
    if (number > MAX_ENDPOINTS) return `more than ${MAX_ENDPOINTS} further endpoints`;
    const family = payload[at];
    if (family !== 4 && family !== 6) return `endpoint ${number} is neither of family 4 nor 6`;
    const addressBytes = family === 4 ? 4 : 16;
    if (at + 1 + addressBytes + 2 > payload.length) return `endpoint ${number} is cut off`;
    const port = readU16(payload, at + 1 + addressBytes);
    if (port === 0) return `the port of endpoint ${number} is 0`;
    const address =
      family === 4
        ? formatIpv4(readU32(payload, at + 1))
        : formatIpv6(copyBytes(payload.subarray(at + 1, at + 17)));
    endpoints.push({ address, port });
    at += 1 + addressBytes + 2;
  }
  return { port: readU16(payload, 0), endpoints };
}

/** @throws RangeError for a port, an address or a number of endpoints that cannot be written. */
export function encodeListeningPorts(ports: ListeningPorts): Uint8Array {
  if (!Number.isInteger(ports.port) || ports.port < 0 || ports.port > 65_535) {
    throw new RangeError(`${ports.port} is not a port (0 to 65535)`);
  }
  if (ports.endpoints.length > MAX_ENDPOINTS)
    throw new RangeError(`more than ${MAX_ENDPOINTS} further endpoints`);
  const payload = new Uint8Array(2 + 19 * ports.endpoints.length);
  writeU16(payload, 0, ports.port);
  let at = 2;
  for (const { address, port } of ports.endpoints) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new RangeError(`${port} is not a port (1 to 65535)`);
    const ipv4 = parseIpv4(address);
    const ipv6 = ipv4 === undefined ? parseIpv6(address) : undefined;
    if (ipv4 !== undefined) {
      payload[at] = 4;
      writeU32(payload, at + 1, ipv4);
      at += 5;
    } else if (ipv6) {
      payload[at] = 6;
      payload.set(ipv6, at + 1);
      at += 17;
    } else {
      throw new RangeError("the address of an endpoint is neither IPv4 nor IPv6");
    }
    writeU16(payload, at, port);
    at += 2;
  }
  return payload.slice(0, at);
}
