import { copyBytes } from "./bytes.ts";
import { readU16, readU32, writeU32 } from "./integers.ts";
import { sha256 } from "./sha256.ts";

/** What a server writes into the IP field of a client object, and the attribute `ipv6` beside it (spec 5.12). */
export interface RosterAddress {
  /** IPv4 address or pseudo address, as an unsigned 32-bit number. */
  readonly ip: number;
  /** 16 bytes where the client came over IPv6. */
  readonly ipv6?: Uint8Array;
}

export function formatIpv4(ip: number): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

/** @returns undefined where `text` is not a dotted quad without leading zeros. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let ip = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    ip = ip * 256 + Number(part);
  }
  return ip;
}

/** In the short form of RFC 5952. */
export function formatIpv6(bytes: Uint8Array): string {
  const mapped = unmapIpv4(bytes);
  if (mapped !== undefined) return `::ffff:${formatIpv4(mapped)}`;
  const groups = Array.from({ length: 8 }, (_, i) => readU16(bytes, 2 * i));
  let longest = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > longest.length) longest = { start, length };
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (longest.length < 2) return text(groups);
  return `${text(groups.slice(0, longest.start))}::${text(groups.slice(longest.start + longest.length))}`;
}

/** @returns 16 bytes, or undefined. A zone (`%eth0`) is not accepted. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] as string, true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  groups.forEach((group, i) => {
    bytes[2 * i] = group >>> 8;
    bytes[2 * i + 1] = group;
  });
  return bytes;
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (mayEndInIpv4 && i === parts.length - 1 && part.includes(".")) {
      const ip = parseIpv4(part);
      if (ip === undefined) return undefined;
      groups.push(ip >>> 16, ip & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** The IPv4 address in an IPv4-mapped IPv6 address (::ffff:a.b.c.d), otherwise undefined. */
export function unmapIpv4(bytes: Uint8Array): number | undefined {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return undefined;
  return readU16(bytes, 10) === 0xffff ? readU32(bytes, 12) : undefined;
}

/** 0xF0000000 | the first 28 bits of SHA-256 of the address: stands for it, is never dialled (spec 5.12). */
export function pseudoAddress(ipv6: Uint8Array): number {
  return (0xf0000000 | (readU32(sha256(ipv6), 0) >>> 4)) >>> 0;
}

/** @returns undefined where `text` is neither an IPv4 nor an IPv6 address; a zone is cut off. */
export function rosterAddress(text: string): RosterAddress | undefined {
  const ip = parseIpv4(text);
  if (ip !== undefined) return { ip };
  const ipv6 = parseIpv6(text.replace(/%.*$/, ""));
  if (!ipv6) return undefined;
  const mapped = unmapIpv4(ipv6);
  return mapped === undefined ? { ip: pseudoAddress(ipv6), ipv6 } : { ip: mapped };
}

/** What limits for each address count by: an IPv4 address, or the /64 of an IPv6 address. */
export type AddressGroup = number | string;

/** A host on IPv6 may take any address in its /64, so that counts as one. */
export function addressGroup(address: RosterAddress): AddressGroup {
  if (!address.ipv6) return address.ip;
  const prefix = copyBytes(address.ipv6);
  prefix.fill(0, 8);
  return `${formatIpv6(prefix)}/64`;
}

export function ipv4Bytes(ip: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, ip);
  return bytes;
}
