import { MappingRefused, type Transport } from "./gateway.ts";

/*
 * NAT-PMP (RFC 6886)
 *
 *   request   0  version 0, opcode 0 (outer address) | 1 (map UDP) | 2 (map TCP)
 *             2  only to map: reserved (u16), inner port (u16), wanted outer port (u16), lifetime in s (u32; 0: remove)
 *   response  0  version 0, opcode + 128, result (u16; 0: success), seconds since the gateway's start (u32)
 *             8  outer address (4)  |  inner port (u16), outer port (u16), lifetime in s (u32)
 */

export interface PmpMapping {
  readonly innerPort: number;
  readonly outerPort: number;
  readonly lifetimeSeconds: number;
}

const RESPONSE = 128;
const OUTER_ADDRESS = 0;

function mapOpcode(transport: Transport): number {
  return transport === "udp" ? 1 : 2;
}

export function encodeOuterAddressRequest(): Uint8Array {
  return Uint8Array.of(0, OUTER_ADDRESS);
}

export function encodeMapRequest(transport: Transport, mapping: PmpMapping): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(1, mapOpcode(transport));
  view.setUint16(4, mapping.innerPort);
  view.setUint16(6, mapping.outerPort);
  view.setUint32(8, mapping.lifetimeSeconds);
  return bytes;
}

/** @returns undefined where the bytes answer something else. @throws MappingRefused */
export function decodeOuterAddressResponse(bytes: Uint8Array): string | undefined {
  const body = responseBody(bytes, OUTER_ADDRESS, 4);
  return body && [...body].join(".");
}

/** @returns undefined where the bytes answer something else. @throws MappingRefused */
export function decodeMapResponse(bytes: Uint8Array, transport: Transport): PmpMapping | undefined {
  const body = responseBody(bytes, mapOpcode(transport), 8);
  if (!body) return undefined;
  const view = new DataView(body.buffer, body.byteOffset);
  return { innerPort: view.getUint16(0), outerPort: view.getUint16(2), lifetimeSeconds: view.getUint32(4) };
}

function responseBody(bytes: Uint8Array, opcode: number, bodyBytes: number): Uint8Array | undefined {
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== opcode + RESPONSE) return undefined;
  const result = ((bytes[2] as number) << 8) | (bytes[3] as number);
  if (result !== 0) throw new MappingRefused(`The gateway answered with the result ${result}.`);
  return bytes.length < 8 + bodyBytes ? undefined : bytes.subarray(8, 8 + bodyBytes);
}
