import { equalBytes } from "../bytes.ts";
import { formatIpv4, formatIpv6, ipv4Bytes, parseIpv4, parseIpv6, unmapIpv4 } from "../ip.ts";

/** How far an address means the same machine. `never`: no peer has it. */
export type AddressScope = "loopback" | "private" | "global" | "never";

export interface ScopedAddress {
  /** In normal form; an IPv4-mapped IPv6 address as IPv4. */
  readonly text: string;
  readonly scope: AddressScope;
}

/** @returns undefined where `text` is no address. */
export function scopedAddress(text: string | undefined): ScopedAddress | undefined {
  if (text === undefined) return undefined;
  const ipv6 = parseIpv6(text);
  const ipv4 = ipv6 ? unmapIpv4(ipv6) : parseIpv4(text);
  if (ipv4 !== undefined) return { text: formatIpv4(ipv4), scope: scopeOf(ipv4Bytes(ipv4), IPV4_SCOPES) };
  return ipv6 && { text: formatIpv6(ipv6), scope: scopeOf(ipv6, IPV6_SCOPES) };
}

interface Block {
  readonly bytes: Uint8Array;
  readonly bits: number;
  readonly scope: AddressScope;
}

/** The first that holds the address counts. */
const IPV4_SCOPES = [
  block("0.0.0.0/8", "never"),
  block("10.0.0.0/8", "private"),
  block("100.100.100.200/32", "never"), // metadata of a cloud
  block("100.64.0.0/10", "private"), // behind a provider's translator
  block("127.0.0.0/8", "loopback"),
  block("168.63.129.16/32", "never"), // metadata of a cloud
  block("169.254.0.0/16", "never"), // link-local, and the metadata of most clouds
  block("172.16.0.0/12", "private"),
  block("192.0.0.0/24", "never"), // special purposes, and the metadata of a cloud
  block("192.168.0.0/16", "private"),
  block("198.18.0.0/15", "private"),
  block("224.0.0.0/3", "never"), // multicast, reserved (the pseudo addresses of spec 5.12 too), broadcast
  block("0.0.0.0/0", "global"),
];

const IPV6_SCOPES = [
  block("::1/128", "loopback"),
  block("2001::/32", "never"), // Teredo and 6to4 hold an IPv4 address that these rules would not see
  block("2002::/16", "never"),
  block("2000::/3", "global"),
  block("fd00:ec2::/32", "never"), // metadata of a cloud
  block("fd20:ce::/32", "never"), // metadata of a cloud
  block("fc00::/7", "private"),
  block("::/0", "never"), // unspecified, translated (64:ff9b::/96), link-local, multicast, not assigned
];

function block(text: string, scope: AddressScope): Block {
  const [address = "", bits] = text.split("/");
  const ipv4 = parseIpv4(address);
  return {
    bytes: ipv4 === undefined ? (parseIpv6(address) as Uint8Array) : ipv4Bytes(ipv4),
    bits: Number(bits),
    scope,
  };
}

function scopeOf(address: Uint8Array, blocks: readonly Block[]): AddressScope {
  const found = blocks.find(({ bytes, bits }) => equalBytes(masked(address, bits), masked(bytes, bits)));
  return found?.scope ?? "never";
}

function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, i) => byte & ~(0xff >> Math.min(8, Math.max(0, bits - 8 * i))));
}
