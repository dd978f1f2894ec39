import bencode from "bencode";
import { Server } from "bittorrent-tracker";
import type { Rival } from "../harness/rival.ts";
import { Poller } from "./poller.ts";

/** `MAX_ANNOUNCE_PEERS` of its source, which no option changes. */
const MAX_PEERS = 82;
/** It asks clients to wait for ten minutes; so it would never end. */
const POLL_MS = 1_000;
/** The largest multiple of three bytes that fits in a peer id of twenty characters, as base64. */
const ID_BYTES = 15;

interface Answer {
  readonly peers: readonly { readonly "peer id": Uint8Array }[];
}

/** A BitTorrent tracker, by HTTP: the torrent is the room, the peer id what is published. */
export const rival: Rival = {
  name: "bittorrent-tracker",
  title: "bittorrent-tracker",
  cannot: [
    `It never gives all peers: an answer has ${MAX_PEERS} at most, picked by chance, so nobody can know who is there.`,
    "It tells nobody who comes or goes: clients ask, every ten minutes by default, here each second.",
    "A member publishes its address and twenty characters, so these are tested with fifteen of the forty bytes.",
    "A member that is only cut off stays in the list for twenty minutes.",
  ],
  knowsAtMost: MAX_PEERS - 1,
  repeats: true,
  server: { listen },
  connect: async (server, member) => {
    const id = member.fortyBytes().subarray(0, ID_BYTES).toString("base64");
    // With `compact=1`, as its README has it, peers would be addresses alone.
    const announce = `/announce?info_hash=${"%00".repeat(20)}&peer_id=${encodeURIComponent(id)}&port=6881&compact=0&numwant=${MAX_PEERS}&left=0`;
    const poller = new Poller(server, member, POLL_MS);
    const read = (body: Buffer) => {
      const { peers } = bencode.decode(body) as Answer;
      if (peers.length < MAX_PEERS) member.relist();
      for (const peer of peers) member.learnText(Buffer.from(peer["peer id"]).toString("latin1"), ID_BYTES);
      member.settle();
    };
    read(await poller.ask(`${announce}&event=started`));
    poller.start(announce, read);
    return {
      leave: () => {
        poller.stop();
        const end = () => poller.end();
        poller.ask(`${announce}&event=stopped`).then(end, end);
      },
    };
  },
};

async function listen(host: string): Promise<number> {
  // README of bittorrent-tracker: what is not used is turned off. Without the length a swarm ends at 1,000.
  const server = new Server({ udp: false, ws: false, stats: false, peersCacheLength: 100_000 });
  server.http.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server.http.address().port;
}
