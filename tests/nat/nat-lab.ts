import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { delayObstacle, layDelayLine } from "./delay-line.ts";
import { Namespaces, namespaceObstacle } from "./namespaces.ts";
import { routerRules } from "./router-rules.ts";
import { hostName, INTERNET, SERVER_ADDRESSES, type Site, topologyOf } from "./topology.ts";
import { startUpnpGateway } from "./upnp-gateway.ts";

/** A machine in the laboratory. */
export interface Host {
  /** As the machine itself sees it. */
  readonly address: string;
  /** Starts a TypeScript file of this folder, or of any as a URL, with a channel for messages. */
  fork(file: string, ...args: string[]): ChildProcess;
}

export interface NatLabOptions {
  /** Of each site's line to the internet, in each direction. Default: none. */
  readonly lineDelayMs?: number;
}

/** Homes behind routers of all kinds and an internet between them, made of network namespaces. Needs root. */
export class NatLab {
  readonly #namespaces: Namespaces;
  readonly #addresses: ReadonlyMap<string, string>;
  /** In the middle, with `SERVER_ADDRESSES` and `SERVER_IPV6_ADDRESS`. */
  readonly internet: Host;

  private constructor(namespaces: Namespaces, addresses: ReadonlyMap<string, string>) {
    this.#namespaces = namespaces;
    this.#addresses = addresses;
    this.internet = this.#hostIn(INTERNET, SERVER_ADDRESSES[0]);
  }

  /** @throws Error that says what is missing, where namespaces cannot be made. */
  static async build(
    sites: Readonly<Record<string, Site>>,
    { lineDelayMs = 0 }: NatLabOptions = {},
  ): Promise<NatLab> {
    const obstacle = namespaceObstacle() ?? (lineDelayMs > 0 ? delayObstacle() : undefined);
    if (obstacle !== undefined) throw new Error(`There can be no NAT laboratory here: ${obstacle}.`);
    const { nodes, cables, addresses } = topologyOf(sites);
    const namespaces = await Namespaces.create(nodes.map(({ name }) => name));
    const lab = new NatLab(namespaces, addresses);
    try {
      const end = (node: string, port: string) => `netns ${namespaces.fullName(node)} name ${port}`;
      const isLine = ([, , into]: (typeof cables)[number]) => lineDelayMs > 0 && into === INTERNET;
      await Promise.all(cables.filter(isLine).map((line) => layDelayLine(namespaces, line, lineDelayMs)));
      const plain = cables.filter((cable) => !isLine(cable));
      await namespaces.ip(
        plain.map(([a, portA, b, portB]) => `link add ${end(a, portA)} type veth peer ${end(b, portB)}`),
      );
      await Promise.all(
        nodes.map(async ({ name, commands, router }) => {
          await namespaces.ip(commands, name);
          if (router !== undefined) await forward(namespaces, name, routerRules(router));
          if (router === "G") await startUpnpGateway(namespaces, name);
        }),
      );
      if (nodes.some(({ router }) => router === "6")) await forward(namespaces, INTERNET, "");
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  host(site: string, host: 1 | 2 = 1): Host {
    const name = hostName(site, host);
    const address = this.#addresses.get(name);
    if (address === undefined) throw new Error(`the lab has no host ${name}`);
    return this.#hostIn(name, address);
  }

  /** From now on nothing passes the router next to the site's hosts, and nobody is told. */
  cutLine(site: string): Promise<void> {
    const cut = "table inet cut { chain forward { type filter hook forward priority -300; drop; }; }";
    return this.#namespaces.run(`${site}-router0`, ["nft", "-f", "-"], cut);
  }

  /** Ends all that runs in the lab. */
  close(): Promise<void> {
    return this.#namespaces.remove();
  }

  #hostIn(namespace: string, address: string): Host {
    return {
      address,
      fork: (file, ...args) => {
        const path = fileURLToPath(new URL(file, import.meta.url));
        const command = [process.execPath, "--import", "tsx", path, ...args];
        return this.#namespaces.start(namespace, command, "channel");
      },
    };
  }
}

/** Makes a router of a node: it passes on what its rules let through. */
function forward(namespaces: Namespaces, node: string, rules: string): Promise<void> {
  const settings = ["ipv4/ip_forward", "ipv6/conf/all/forwarding"].map(
    (path) => `echo 1 > /proc/sys/net/${path}`,
  );
  return namespaces.run(node, ["sh", "-c", `${settings.join(" && ")} && exec nft -f -`], rules);
}
