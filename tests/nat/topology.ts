import type { RouterKind } from "./router-rules.ts";

/** Where hosts are. All sites are connected by one internet. */
export interface Site {
  /** From the hosts outwards; none: the hosts have public addresses. */
  readonly routers: readonly RouterKind[];
  /** Default 1. */
  readonly hosts?: 1 | 2;
}

/** The server's addresses; the first is what UDP answers come from. */
export const SERVER_ADDRESSES = ["203.0.113.10", "203.0.113.11"] as const;
export const SERVER_IPV6_ADDRESS = "2001:db8::10";

/** The namespace in the middle. */
export const INTERNET = "internet";

/** A namespace with its part of the network, as commands of `ip`. */
interface Node {
  readonly name: string;
  readonly commands: string[];
  readonly router?: RouterKind;
}

export interface Topology {
  readonly nodes: readonly Node[];
  /** Cables: [node, interface, node, interface]. */
  readonly cables: readonly (readonly [string, string, string, string])[];
  /** Addresses by host. */
  readonly addresses: ReadonlyMap<string, string>;
}

/** A host as a topology names it. */
export function hostName(site: string, host: 1 | 2): string {
  return `${site}-${host}`;
}

/**
 * Site number i (from 2) has the public addresses 203.0.113.i0 to i9. All homes have the same private network, as they
 * do in the world; a second router in a row has one of the range for providers. IPv6: 2001:db8:i::/64.
 */
export function topologyOf(sites: Readonly<Record<string, Site>>): Topology {
  const internet = switchNode(INTERNET, INTERNET, [
    ...SERVER_ADDRESSES.map((address) => `${address}/24`),
    `${SERVER_IPV6_ADDRESS}/64`,
  ]);
  const nodes: Node[] = [internet];
  const cables: [string, string, string, string][] = [];
  const addresses = new Map<string, string>();

  /** Plugs an interface of a node into the switch of another. */
  const plug = (
    node: Node,
    port: string,
    address: string,
    gateway: string,
    into: Node,
    switchName: string,
  ) => {
    const socket = `port${cables.length}`;
    cables.push([node.name, port, into.name, socket]);
    into.commands.push(`link set ${socket} up master ${switchName}`);
    node.commands.push(`link set ${port} up`, addAddress(address, port), addDefaultRoute(gateway));
  };

  for (const [index, [site, { routers, hosts = 1 }]] of Object.entries(sites).entries()) {
    const number = index + 2;
    const isIpv6 = routers.includes("6");
    let outer: Node = internet;
    let outerSwitch = INTERNET;
    let gateway: string = isIpv6 ? SERVER_IPV6_ADDRESS : SERVER_ADDRESSES[0];
    let addressOf = (host: number) => `203.0.113.${10 * number + host}/24`;
    for (const [depth, kind] of [...routers.entries()].reverse()) {
      const name = `${site}-router${depth}`;
      const lan = depth === 0 ? "192.168.1" : `100.64.${depth}`;
      const inside = isIpv6 ? `2001:db8:${number}::1` : `${lan}.1`;
      const router = { ...switchNode(name, "lan", [`${inside}/${isIpv6 ? 64 : 24}`]), router: kind };
      const outside = isIpv6 ? `2001:db8::${number}0/64` : addressOf(0);
      plug(router, "wan", outside, gateway, outer, outerSwitch);
      if (isIpv6) internet.commands.push(`route add 2001:db8:${number}::/64 via 2001:db8::${number}0`);
      nodes.push(router);
      [outer, outerSwitch, gateway] = [router, "lan", inside];
      addressOf = (host) => (isIpv6 ? `2001:db8:${number}::1${host}/64` : `${lan}.${10 * number + host}/24`);
    }
    for (let host = 1 as 1 | 2; host <= hosts; host++) {
      const node: Node = { name: hostName(site, host), commands: ["link set lo up"] };
      const address = addressOf(host);
      plug(node, "eth0", address, gateway, outer, outerSwitch);
      nodes.push(node);
      addresses.set(node.name, address.split("/")[0] as string);
    }
  }
  return { nodes, cables, addresses };
}

function switchNode(name: string, switchName: string, addresses: readonly string[]): Node {
  const commands = [
    "link set lo up",
    `link add ${switchName} type bridge`,
    `link set ${switchName} up`,
    ...addresses.map((address) => addAddress(address, switchName)),
  ];
  return { name, commands };
}

/** IPv6 without a second's look for somebody who has the address already. */
function addAddress(address: string, port: string): string {
  return `addr add ${address} dev ${port}${address.includes(":") ? " nodad" : ""}`;
}

function addDefaultRoute(gateway: string): string {
  return `route add default via ${gateway}`;
}
