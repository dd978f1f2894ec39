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
  /** Like P, with a gateway that opens ports when asked by UPnP or NAT-PMP. */
  | "G"
  /** No NAT: IPv6 behind a firewall that lets in only what was asked for. */
  | "6";

interface Rules {
  /** State that the rules keep. */
  readonly state?: string;
  readonly forward?: string;
  readonly prerouting?: string;
  readonly postrouting?: string;
}

const MAPPINGS = "map mappings { type inet_service : ipv4_addr; flags dynamic, timeout; timeout 5m; }";
const NOTE_MAPPING = 'oifname "wan" meta l4proto udp update @mappings { udp sport : ip saddr }';
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
  G: {},
};

/**
 * A router's rules in the language of `nft`; its interfaces are `wan` and `lan`. What nobody asked for is dropped also
 * where it is for the router itself: otherwise a punch that comes too early would take the port from the mapping.
 */
export function routerRules(kind: RouterKind): string {
  if (kind === "6") {
    return `table ip6 router {
      chain forward { type filter hook forward priority filter; iifname "wan" ct state new drop; }
    }`;
  }
  const { state = "", forward = "", prerouting = "", postrouting = MASQUERADE } = RULES[kind];
  return `table ip router {
    ${state}
    chain input {
      type filter hook input priority filter
      iifname "wan" ct state new drop
    }
    chain forward {
      type filter hook forward priority filter
      ${forward}
      iifname "wan" ct status dnat accept
      iifname "wan" ct state new drop
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
