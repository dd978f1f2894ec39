import { once } from "node:events";
import { Line } from "../abuse/line.ts";
import { type Cell, KINDS, type Place } from "./cells.ts";
import { NatLab } from "./nat-lab.ts";
import type { Meeting, PeerOrder } from "./peer-process.ts";
import { SERVER_ADDRESSES, SERVER_IPV6_ADDRESS, type Site } from "./topology.ts";

/** More than any way to a peer may take. */
const CONNECT_TIMEOUT_MS = 30_000;
/** The many-socket method takes longer than the relay waits for a direct path by default. */
const MANY_SOCKETS_GRACE_MS = 20_000;

const SITES: Readonly<Record<string, Site>> = {
  ...Object.fromEntries(
    KINDS.flatMap((kind): [string, Site][] => {
      const routers = kind === "N" ? [] : [kind];
      return [
        [kind, { routers, hosts: 2 }],
        [`other${kind}`, { routers }],
      ];
    }),
  ),
  twice: { routers: ["P", "P"] },
  ipv6: { routers: ["6"] },
  otherIpv6: { routers: ["6"] },
};

/** A server, and peers behind all kinds of NAT that join it and connect to each other. */
export class NatMatrix {
  readonly #lab: NatLab;
  readonly #peers = new Map<string, Promise<Line>>();
  #meetings = 0;

  private constructor(lab: NatLab) {
    this.#lab = lab;
  }

  static async start(): Promise<NatMatrix> {
    const matrix = new NatMatrix(await NatLab.build(SITES));
    await once(matrix.#lab.internet.fork("rendezvous-process.ts"), "message");
    return matrix;
  }

  /**
   * Two peers join a network of their own, and one connects to the other.
   * @param methods by which; by all without it
   */
  async meet(
    { left, right, expected }: Cell,
    dials: "left" | "right",
    methods?: readonly string[],
  ): Promise<Meeting> {
    const [dialing, accepting] = dials === "left" ? [left, right] : [right, left];
    const network = `meeting-${++this.#meetings}`;
    const peers = [
      { name: "dialing", place: dialing, line: await this.#peer(dialing) },
      { name: "accepting", place: accepting, line: await this.#peer(accepting) },
    ] as const;
    const url = (place: Place) => `lekt://${this.#serverFor(place)}/${network}`;
    await Promise.all(
      peers.map(({ name, place, line }) => {
        const awaitOpenPort = place.site.endsWith("G");
        return tell<void>(line, { do: "join", url: url(place), name, awaitOpenPort });
      }),
    );
    try {
      return await tell<Meeting>(peers[0].line, {
        do: "connect",
        url: url(dialing),
        to: "accepting",
        timeoutMs: CONNECT_TIMEOUT_MS,
        ...(expected === "M" && { graceMs: MANY_SOCKETS_GRACE_MS }),
        ...(methods && { methods }),
      });
    } finally {
      await Promise.all(peers.map(({ place, line }) => tell<void>(line, { do: "leave", url: url(place) })));
    }
  }

  stop(): Promise<void> {
    return this.#lab.close();
  }

  /** A process for each place, started when it is needed first. */
  #peer({ site, host }: Place): Promise<Line> {
    const name = `${site}-${host}`;
    const started = this.#peers.get(name) ?? this.#startPeer({ site, host });
    this.#peers.set(name, started);
    return started;
  }

  async #startPeer({ site, host }: Place): Promise<Line> {
    const child = this.#lab.host(site, host).fork("peer-process.ts");
    await once(child, "message");
    return new Line(child, () => undefined);
  }

  #serverFor({ site, host }: Place): string {
    const isIpv6 = this.#lab.host(site, host).address.includes(":");
    return isIpv6 ? `[${SERVER_IPV6_ADDRESS}]` : SERVER_ADDRESSES[0];
  }
}

function tell<Answer>(line: Line, order: PeerOrder): Promise<Answer> {
  return line.ask<Answer>(order);
}
