/**
 * What stands between a site and the rest of the world, by the letters of docs/nat.md. For TCP all NATs but S are
 * port-restricted. Mappings keep the port, but for those of S.
 */
export type RouterKind =
  /** Full cone: one mapping for all destinations, and everybody may use it. */
  | "F"
  /** Address-restricted: only addresses that were sent to may answer. */
  | "A"
  /** Port-restricted: only endpoints that were sent to may answer. */
  | "P"
  /** Symmetric: a random port for each destination. */
  | "S"
  /** Like P, and passes no UDP at all. */
  | "U"
  /**
   * Leaky, a bare Linux router: like P, but a packet that nobody asked for is taken for one to the router itself. So
   * who knocks too early is remembered, and the port is taken: what is sent to him afterwards leaves by another one.
   */
  | "L"
  /** Like P, with a gateway that opens ports when asked by UPnP or NAT-PMP. */
  | "G"
  /** No NAT: IPv6 behind a firewall that lets in only what was asked for. */
  | "6";

interface Rules {
  /** Default: nothing is let in that nobody asked for. */
  readonly input?: string;
  /** State that the rules keep. */
  readonly state?: string;
  readonly forward?: string;
  readonly prerouting?: string;
  readonly postrouting?: string;
}

const MAPPINGS = "map mappings { type inet_service : ipv4_addr; flags dynamic, timeout; timeout 5m; }";
const NOTE_MAPPING = 'oifname "wan" meta l4proto udp update @mappings { udp sport : ip saddr }';
const REFUSE_NEW = 'iifname "wan" ct state new drop';
const MASQUERADE = 'oifname "wan" masquerade';

const RULES: Readonly<Record<Exclude<RouterKind, "6">, Rules>> = {
  F: {
    state: MAPPINGS,
    forward: NOTE_MAPPING,
    prerouting: 'iifname "wan" dnat to udp dport map @mappings',
  },
  A: {
    state: `${MAPPINGS}
      set permissions { type ipv4_addr . inet_service; flags dynamic, timeout; timeout 5m; }`,
    // Each packet gives permission, not only the first of a flow.
    forward: `${NOTE_MAPPING}
      oifname "wan" meta l4proto udp update @permissions { ip daddr . udp sport }`,
    prerouting: 'iifname "wan" ip saddr . udp dport @permissions dnat to udp dport map @mappings',
  },
  P: {},
  S: { postrouting: 'oifname "wan" masquerade random, fully-random' },
  U: { forward: 'iifname "wan" meta l4proto udp drop\n oifname "wan" meta l4proto udp drop' },
  L: { input: "" },
  G: {},
};

/**
 * A router's rules in the language of `nft`; its interfaces are `wan` and `lan`. But for L, what nobody asked for is
 * dropped also where it is for the router itself: so a punch that comes too early takes no port.
 */
export function routerRules(kind: RouterKind): string {
  if (kind === "6") {
    return `table ip6 router {
      chain forward { type filter hook forward priority filter; ${REFUSE_NEW}; }
    }`;
  }
  const {
    state = "",
    input = REFUSE_NEW,
    forward = "",
    prerouting = "",
    postrouting = MASQUERADE,
  } = RULES[kind];
  return `table ip router {
    ${state}
    chain input {
      type filter hook input priority filter
      ${input}
    }
    chain forward {
      type filter hook forward priority filter
      ${forward}
      iifname "wan" ct status dnat accept
      ${REFUSE_NEW}
    }
    chain prerouting {
      type nat hook prerouting priority dstnat
      ${prerouting}
    }
    chain postrouting {
      type nat hook postrouting priority srcnat
      ${postrouting}
    }
  }`;
}
