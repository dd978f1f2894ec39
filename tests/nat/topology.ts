import type { RouterKind } from "./router-rules.ts";

/**
 * Where hosts are. All sites are connected by one internet, each by a provider's router that translates nothing: as in
 * the world, there are some hops between two homes.
 */
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
  /** Provider: passes on everything. */
  readonly router?: RouterKind | "provider";
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
  const internet: Node = {
    name: INTERNET,
    commands: [
      "link set lo up",
      ...[...SERVER_ADDRESSES, SERVER_IPV6_ADDRESS].map((address) => addAddress(address, "lo")),
    ],
  };
  const nodes: Node[] = [internet];
  const cables: [string, string, string, string][] = [];
  const addresses = new Map<string, string>();

  const cable = (node: Node, port: string, into: Node) => {
    const socket = `port${cables.length}`;
    cables.push([node.name, port, into.name, socket]);
    node.commands.push(`link set ${port} up`);
    into.commands.push(`link set ${socket} up`);
    return socket;
  };
  /** Plugs an interface of a node into the switch of a router. */
  const plugIntoHome = (node: Node, port: string, address: string, router: Node, gateway: string) => {
    const socket = cable(node, port, router);
    router.commands.push(`link set ${socket} master lan`);
    node.commands.push(addAddress(address, port), addRoute("default", gateway, port));
  };
  /** An interface with a cable that has one address at each end. */
  const plugIntoNext = (node: Node, port: string, [own, far]: readonly [string, string], next: Node) => {
    const socket = cable(node, port, next);
    next.commands.push(addAddress(`${far} peer ${own}`, socket));
    node.commands.push(addAddress(`${own} peer ${far}`, port), addRoute("default", far, port));
    return socket;
  };
  /** @param network what is behind the address, or the address itself */
  const plugIntoInternet = (node: Node, port: string, address: string, network = address) => {
    const provider: Node = { name: `${node.name}-provider`, commands: [], router: "provider" };
    const [inside, server] = address.includes(":")
      ? [`2001:db8:ff::${cables.length + 1}`, SERVER_IPV6_ADDRESS]
      : [`198.18.${cables.length}.1`, SERVER_ADDRESSES[0]];
    const home = plugIntoNext(node, port, [address, inside], provider);
    const socket = plugIntoNext(provider, "net", [inside, server], internet);
    if (network !== address) provider.commands.push(addRoute(network, address, home));
    for (const to of new Set([address, network])) internet.commands.push(addRoute(to, inside, socket));
    nodes.push(provider);
  };

  for (const [index, [site, { routers, hosts = 1 }]] of Object.entries(sites).entries()) {
    const number = index + 2;
    const isIpv6 = routers.includes("6");
    /** What the nodes that come next are plugged into; nothing yet: the internet. */
    let home: { readonly router: Node; readonly gateway: string } | undefined;
    let addressOf = (host: number) => `203.0.113.${10 * number + host}`;
    const plug = (node: Node, port: string, address: string) => {
      if (home) plugIntoHome(node, port, address, home.router, home.gateway);
      else plugIntoInternet(node, port, address, isIpv6 ? `2001:db8:${number}::/64` : undefined);
    };
    for (const [depth, kind] of [...routers.entries()].reverse()) {
      const lan = depth === 0 ? "192.168.1" : `100.64.${depth}`;
      const gateway = isIpv6 ? `2001:db8:${number}::1` : `${lan}.1`;
      const router = routerNode(`${site}-router${depth}`, kind, `${gateway}/${isIpv6 ? 64 : 24}`);
      const outside = isIpv6 ? `2001:db8::${number}0` : addressOf(0);
      plug(router, "wan", outside);
      nodes.push(router);
      home = { router, gateway };
      addressOf = (host) => (isIpv6 ? `2001:db8:${number}::1${host}/64` : `${lan}.${10 * number + host}/24`);
    }
    for (let host = 1 as 1 | 2; host <= hosts; host++) {
      const node: Node = { name: hostName(site, host), commands: ["link set lo up"] };
      const address = addressOf(host);
      plug(node, "eth0", address);
      nodes.push(node);
      addresses.set(node.name, address.split("/")[0] as string);
    }
  }
  return { nodes, cables, addresses };
}

function routerNode(name: string, router: RouterKind, inside: string): Node {
  const commands = [
    "link set lo up",
    "link add lan type bridge",
    "link set lan up",
    addAddress(inside, "lan"),
  ];
  return { name, commands, router };
}

/** IPv6 without a second's look for somebody who has the address already. */
function addAddress(address: string, port: string): string {
  return `addr add ${address} dev ${port}${address.includes(":") ? " nodad" : ""}`;
}

/** IPv6 takes nobody for a neighbour by its address alone. */
function addRoute(to: string, gateway: string, port: string): string {
  return `route add ${to} via ${gateway} dev ${port} onlink`;
}
