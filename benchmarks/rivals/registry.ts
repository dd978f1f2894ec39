import type { Rival } from "../harness/rival.ts";
import { rival as bittorrentTracker } from "./bittorrent-tracker.ts";
import { rival as hyperswarm } from "./hyperswarm.ts";
import { rival as lekt } from "./lekt.ts";
import { rival as nats } from "./nats.ts";
import { rival as peer } from "./peer.ts";
import { rival as redis } from "./redis.ts";
import { rival as socketIo } from "./socket-io.ts";
import { rival as wsBinary } from "./ws-binary.ts";
import { rival as wsJson } from "./ws-json.ts";

/** A rival and the module that a process of its own loads it from. */
export interface Entrant {
  readonly rival: Rival;
  readonly url: string;
}

function entrant(rival: Rival, file: string): Entrant {
  return { rival, url: new URL(file, import.meta.url).href };
}

/** LEKT is the first: the others are compared with it. */
export const ENTRANTS: readonly Entrant[] = [
  entrant(lekt, "lekt.ts"),
  entrant(wsBinary, "ws-binary.ts"),
  entrant(wsJson, "ws-json.ts"),
  entrant(socketIo, "socket-io.ts"),
  entrant(peer, "peer.ts"),
  entrant(redis, "redis.ts"),
  entrant(nats, "nats.ts"),
  entrant(bittorrentTracker, "bittorrent-tracker.ts"),
  entrant(hyperswarm, "hyperswarm.ts"),
];
