import { scopedAddress } from "@lekt/protocol";

/** "address:port", an IPv6 address in brackets, an IPv4-mapped one as IPv4. */
export function endpointText(address: string | undefined, port: number | undefined): string {
  const text = scopedAddress(address)?.text ?? address ?? "?";
  return `${text.includes(":") ? `[${text}]` : text}:${port ?? "?"}`;
}
