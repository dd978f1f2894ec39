import { readU16, readU32, writeU16, writeU32 } from "../integers.ts";
import { formatIpv4, formatIpv6, type RosterAddress } from "../ip.ts";
import type { Endpoint } from "../payloads/endpoints.ts";
import { STUN_MAGIC_COOKIE } from "./stun-message.ts";

/*
 * XOR-MAPPED-ADDRESS (RFC 8489, section 14.2)
 *
 *   0   0, u8 family (1: IPv4, 2: IPv6), u16 port
 *   4   address, 4 or 16 bytes
 *
 * Port and address are XORed with magic cookie and transaction id, which hides them from address translators
 * that rewrite whatever looks like an address.
 */
const IPV4 = 1;
const IPV6 = 2;

export function encodeXorMappedAddress(
  address: RosterAddress,
  port: number,
  transactionId: Uint8Array,
): Uint8Array {
  const { ip, ipv6 } = address;
  const value = new Uint8Array(ipv6 ? 20 : 8);
  value[1] = ipv6 ? IPV6 : IPV4;
  writeU16(value, 2, port ^ (STUN_MAGIC_COOKIE >>> 16));
  if (ipv6) value.set(xorIpv6(ipv6, transactionId), 4);
  else writeU32(value, 4, ip ^ STUN_MAGIC_COOKIE);
  return value;
}

/** @returns undefined where it is malformed. */
export function decodeXorMappedAddress(value: Uint8Array, transactionId: Uint8Array): Endpoint | undefined {
  const family = value[1];
  const port = readU16(value, 2) ^ (STUN_MAGIC_COOKIE >>> 16);
  if (family === IPV4 && value.length === 8) {
    return { address: formatIpv4((readU32(value, 4) ^ STUN_MAGIC_COOKIE) >>> 0), port };
  }
  if (family === IPV6 && value.length === 20) {
    return { address: formatIpv6(xorIpv6(value.subarray(4), transactionId)), port };
  }
  return undefined;
}

function xorIpv6(address: Uint8Array, transactionId: Uint8Array): Uint8Array {
  const mask = new Uint8Array(16);
  writeU32(mask, 0, STUN_MAGIC_COOKIE);
  mask.set(transactionId, 4);
  return mask.map((byte, i) => byte ^ (address[i] as number));
}
