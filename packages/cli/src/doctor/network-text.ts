import type { MethodReach, MethodReport, NatMapping, PortMappingReport } from "@lekt/client";
import { type Endpoint, scopedAddress } from "@lekt/protocol";
import { endpointText } from "../endpoint-text.ts";
import type { NetworkFacts } from "./network-facts.ts";

/** Where this machine is, in sentences. */
export function addressLines({ addresses, seenAt }: NetworkFacts): string[] {
  const own = addresses.map(({ address, name }) => `${address} (${name})`).join(", ");
  return [
    own === "" ? "It has no address but those of loopback." : `Its own addresses: ${own}.`,
    seenText(
      seenAt,
      addresses.map(({ address }) => address),
    ),
    ipv6Text(addresses, seenAt?.address),
  ];
}

function seenText(seenAt: NetworkFacts["seenAt"], own: readonly string[]): string {
  if (!seenAt) return "The server does not say where it sees this machine.";
  const scope = scopedAddress(seenAt.address)?.scope;
  const seen = `The server sees it at ${endpointText(seenAt)}`;
  if (scope === "loopback")
    return `${seen}: it runs on this machine, and shows nothing of the way to the internet.`;
  const isOwn = own.includes(seenAt.address);
  if (scope !== "global")
    return isOwn
      ? `${seen}: it is in the same private network, and shows nothing of the way to the internet.`
      : `${seen}, a private address of a router in between, and shows nothing of the way to the internet.`;
  return isOwn ? `${seen}, an address of its own.` : `${seen}, the address of a router in between (NAT).`;
}

function ipv6Text(addresses: NetworkFacts["addresses"], seen: string | undefined): string {
  const hasGlobal = addresses.some(({ address, scope }) => address.includes(":") && scope === "global");
  if (!hasGlobal) return "It has no IPv6 address for the internet.";
  const way = seen?.includes(":") ? ", and reaches the server with it" : "";
  return `It has an IPv6 address for the internet${way}. Between peers that have one, too, no NAT stands, but perhaps firewalls.`;
}

const NAT_TEXTS: Readonly<Record<NatMapping, string>> = {
  none: "No router translates addresses between this machine and the server.",
  independent:
    "The router kept one outside port for both of the server's ports (endpoint-independent mapping): with such routers hole punching mostly works.",
  symmetric:
    "The router took another outside port for each of the server's ports (symmetric NAT): hole punching takes many tries, and fails where the peer's router does so, too.",
  blocked:
    "UDP does not get through: no answer came from the server's UDP ports. A firewall here or there may block it.",
  unknown: "The kind of NAT cannot be told",
};

/** The kind of NAT, as the methods' sockets found it; undefined where none of them asks for it. */
export function natText(methods: readonly MethodReport[]): string | undefined {
  const report = methods.find(({ nat }) => nat !== undefined);
  if (report?.nat === undefined) return undefined;
  if (report.nat === "unknown") return `${NAT_TEXTS.unknown}: ${report.reason ?? "nobody answered"}.`;
  const seenAt = report.seenAt ?? [];
  const seen = seenAt.length === 0 ? "" : ` Seen at ${seenAt.map(endpointText).join(" and ")}.`;
  return `${NAT_TEXTS[report.nat]}${seen}`;
}

/** What routers do when they are asked to open a port, a line for each answer. */
export function portMappingLines(methods: readonly MethodReport[]): string[] {
  const askers = new Map<string, string[]>();
  for (const { method, portMapping } of methods) {
    if (!portMapping) continue;
    const text = portMappingText(portMapping);
    askers.set(text, [...(askers.get(text) ?? []), method]);
  }
  return [...askers].map(([text, names]) => `${names.join(", ")}: ${text}`);
}

function portMappingText({ state, protocol = "port mapping", mapped }: PortMappingReport): string {
  switch (state) {
    case "off":
      return "no router is asked to open a port.";
    case "unneeded":
      return "no router was asked to open a port, as none seems to be in between.";
    case "absent":
      return "no router answers that could open a port (UPnP, NAT-PMP).";
    case "refused":
      return `the router answers (${protocol}), and opens no port.`;
    case "mapped":
      return mapped && isBehindAnother(mapped.address)
        ? `the router says that it opened ${endpointText(mapped)} (${protocol}), but is itself behind another router.`
        : `the router says that it opened ${mapped ? endpointText(mapped) : "a port"} (${protocol}).`;
  }
}

/** Whether what a router takes for its outer address is none of the internet's. */
export function isBehindAnother(outerAddress: string): boolean {
  return scopedAddress(outerAddress)?.scope !== "global";
}

const REACH_TEXTS: Readonly<Record<MethodReach, string>> = {
  open: "a port is open",
  agreed: "both sides have to begin at the same time, as agreed through the server",
  local: "as far as is known, only peers in the same local network reach this machine",
  relayed: "works: a circuit was opened and carried bytes",
  none: "does not work",
};

/** How the methods call what they do where both sides begin at the same time. */
const AGREED_NAMES: Readonly<Record<string, string>> = { tcp: "simultaneous open", udp: "hole punching" };

/** Nobody has dialled the port: what makes it seem open is said. */
function openText(openAt: Endpoint, portMapping: PortMappingReport | undefined): string {
  const where = endpointText(openAt);
  const scope = scopedAddress(openAt.address)?.scope;
  if (scope === "loopback")
    return `${where} is open to programs on this machine. Of others nothing is known.`;
  if (portMapping?.state === "mapped")
    return `${where} is probably open: the router says that it passes it on. Nobody has dialled it from outside.`;
  if (scope !== "global")
    return `${where} is open to the private network that the server is in, unless a firewall is in the way.`;
  return `${where} is probably open, as the address is this machine's own. Nobody has dialled it from outside; a firewall may be in the way.`;
}

/** How far peers reach this machine by a method. */
export function reachText(report: MethodReport): string {
  const { method, reach, reason, openAt, portMapping, relay, roundTripMs } = report;
  const because = reason === undefined ? "" : `: ${reason.replace(/\.$/, "")}`;
  switch (reach) {
    case "open":
      return `${method}: ${openAt ? openText(openAt, portMapping) : `${REACH_TEXTS.open}.`}`;
    case "relayed": {
      const time = roundTripMs === undefined ? "" : `, ${Math.round(roundTripMs * 10) / 10} ms`;
      return `${method}: ${REACH_TEXTS.relayed}${relay === undefined ? "" : ` (${relay}${time})`}.`;
    }
    case "agreed": {
      const name = AGREED_NAMES[method];
      return `${method}: ${REACH_TEXTS.agreed}${name === undefined ? "" : ` (${name})`}${because}. A trial with a peer shows whether the routers let that through.`;
    }
    default:
      return `${method}: ${REACH_TEXTS[reach]}${because}.`;
  }
}
