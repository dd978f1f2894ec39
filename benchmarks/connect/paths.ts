import type { Router } from "./place.ts";
import type { RawKind } from "./raw-streams.ts";

/** A kind of path between two ends. */
export interface PathKind {
  readonly title: string;
  readonly via: RawKind | readonly string[];
  /** What stands before each end. */
  readonly routers: readonly [near: Router, far: Router];
  /** What the path has to turn out as. */
  readonly method: string | undefined;
  /** Also for a quick run. */
  readonly isQuick?: true;
}

const ALL = ["tcp", "udp", "relay"];
const OPEN = [undefined, undefined] as const;

export const PATH_KINDS: readonly PathKind[] = [
  { title: "raw TCP", via: "raw TCP", routers: OPEN, method: undefined, isQuick: true },
  { title: "raw TLS", via: "raw TLS", routers: OPEN, method: undefined, isQuick: true },
  { title: "tcp, an open port", via: ["tcp"], routers: OPEN, method: "tcp", isQuick: true },
  { title: "tcp, both behind NATs", via: ["tcp"], routers: ["U", "U"], method: "tcp" },
  { title: "udp, no NAT", via: ["udp"], routers: OPEN, method: "udp" },
  { title: "udp, both behind NATs", via: ["udp"], routers: ["P", "P"], method: "udp", isQuick: true },
  { title: "udp, many sockets", via: ["udp"], routers: ["S", "P"], method: "udp" },
  { title: "relay", via: ["relay"], routers: OPEN, method: "relay", isQuick: true },
  { title: "all methods, an open port", via: ALL, routers: OPEN, method: "tcp", isQuick: true },
  { title: "all methods, the relay alone works", via: ALL, routers: ["S", "S"], method: "relay" },
];
