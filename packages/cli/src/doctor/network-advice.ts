import type { MethodReport } from "@lekt/client";
import type { NetworkFacts } from "./network-facts.ts";
import { isBehindAnother } from "./network-text.ts";

/** What would help peers to reach this machine; nothing where nothing is missing. */
export function networkAdvice({ addresses, methods }: NetworkFacts): string[] {
  const nat = methods.find((report) => report.nat !== undefined)?.nat;
  const hasIpv6 = addresses.some(({ address, scope }) => address.includes(":") && scope === "global");
  const advice: string[] = [];
  if (nat === "blocked") {
    advice.push(
      "Let UDP out in the firewalls of this machine and network, and into the server's ports (lekt serve says which). Without it peers meet by tcp or over the relay.",
    );
  }
  if (nat === "symmetric" && !methods.some(hasOpenPort)) {
    advice.push(
      "Turn on UPnP or NAT-PMP in the router: with a port that it opens, all peers reach this machine directly.",
    );
    if (!hasIpv6) advice.push("Or turn on IPv6 here and at the peers: it needs no NAT.");
  }
  if (methods.some(({ portMapping }) => portMapping?.state === "refused")) {
    advice.push("Let the router open ports: its settings forbid UPnP or NAT-PMP, or it has no port left.");
  }
  if (methods.some(({ portMapping }) => portMapping?.mapped && isBehindAnother(portMapping.mapped.address))) {
    advice.push(
      "Two routers in a row: let the first one be a bridge, or ask the provider for a public address or IPv6.",
    );
  }
  if (nat === "unknown") advice.push("Let the server answer STUN: lekt serve does so without --no-stun.");
  const relay = methods.find(({ method }) => method === "relay");
  if (relay?.reach === "none") {
    advice.push(
      relay.relay === undefined
        ? "Let the server have a relay, for peers that no direct way leads to: lekt serve has one without --no-relay."
        : `Check that ${relay.relay} can be reached from here: without the relay some peers cannot be reached at all.`,
    );
  }
  return advice;
}

function hasOpenPort({ reach, portMapping }: MethodReport): boolean {
  return (
    reach === "open" || (portMapping?.mapped !== undefined && !isBehindAnother(portMapping.mapped.address))
  );
}
