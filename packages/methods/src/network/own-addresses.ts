import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { type Endpoint, MAX_ENDPOINTS, type ScopedAddress, scopedAddress } from "@lekt/protocol";

/** The addresses of this machine's interfaces, loopback too. */
export function ownAddresses(): ScopedAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ address }) => scopedAddress(address) ?? []);
}

/** Where peers may find `port`, beside the address at which the server sees this machine (spec/methods.md, tcp). */
export function furtherEndpoints(
  port: number,
  addresses: readonly ScopedAddress[],
  publicAddress: string | undefined,
): Endpoint[] {
  const usable = addresses.filter(
    ({ text, scope }) => (scope === "private" || scope === "global") && text !== publicAddress,
  );
  return [...new Set(usable.sort((a, b) => rank(a) - rank(b)).map(({ text }) => text))]
    .slice(0, MAX_ENDPOINTS)
    .map((address) => ({ address, port }));
}

/** The likeliest to be of use first: a machine with many containers has more addresses than there is room for. */
function rank({ text, scope }: ScopedAddress): number {
  if (scope === "global") return 1;
  return isIPv4(text) ? 0 : 2;
}
