import { decodeListeningPorts, encodeListeningPorts, type ListeningPorts } from "./endpoints.ts";

/*
 * The payload of `udp` (spec/methods.md)
 *
 *   0   version of the stream protocol (u8): 1
 *   1   as `tcp`
 */
const UDP_STREAM_VERSION = 1;

export interface UdpPayload extends ListeningPorts {
  readonly version: number;
}

/** @returns the fault, as text, where the bytes are malformed. */
export function decodeUdp(payload: Uint8Array): UdpPayload | string {
  const version = payload[0];
  if (version === undefined) return "it is empty";
  if (version !== UDP_STREAM_VERSION)
    return `the version of the stream protocol is not ${UDP_STREAM_VERSION}`;
  const ports = decodeListeningPorts(payload.subarray(1));
  return typeof ports === "string" ? ports : { version, ...ports };
}

export function encodeUdp(ports: ListeningPorts): Uint8Array {
  const rest = encodeListeningPorts(ports);
  const payload = new Uint8Array(1 + rest.length);
  payload[0] = UDP_STREAM_VERSION;
  payload.set(rest, 1);
  return payload;
}
