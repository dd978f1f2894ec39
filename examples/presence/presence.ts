/**
 * Who is here: says it again whenever somebody comes, goes or changes their mood.
 *
 *   npx tsx examples/presence/presence.ts lekt://localhost/office ada "at the lake"
 */
import { join } from "@lekt/client";

const [url = "lekt://localhost/office", name = "somebody", mood = ""] = process.argv.slice(2);
const room = await join(url, { name, data: new TextEncoder().encode(mood) });
process.once("SIGINT", () => room.drain());

function show(): void {
  const others = room.peers.map((peer) => {
    const text = new TextDecoder().decode(peer.data);
    return `${peer.name ?? "somebody"}${text && ` (${JSON.stringify(text)})`}${peer.stale ? ", perhaps" : ""}`;
  });
  console.log(others.length > 0 ? `here: ${others.sort().join(", ")}` : "nobody else is here");
}

show();
for await (const event of room) {
  if ("peer" in event) show();
}
