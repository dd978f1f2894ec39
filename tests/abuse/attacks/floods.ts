import { encodeHandshake, encodeHeartbeat, encodeResponse, encodeSignal, METHOD } from "@lekt/protocol";
import type { RawConnection } from "../../../packages/server/test/raw-connection.ts";
import { type Attack, type Ground, PATIENT, pour } from "../ground.ts";

/** So many at once; who is thrown out comes again. */
const FLOODERS = 10;
/** Pieces of one connection: more than the second in which the server still reads is enough for. */
const PIECES = 50_000;
/** Who was told nothing comes again for so long. */
const UNTOLD_MS = 30_000;
const IDENTITY = new Uint8Array(32).fill(7);
const BULK = { method: 33, bytes: 1_900 };

interface Flood {
  readonly name: string;
  /** What the server says to it. */
  readonly word: string;
  readonly begin?: (client: RawConnection, ground: Ground) => Promise<unknown>;
  readonly piece: Uint8Array;
}

async function inSetup(client: RawConnection): Promise<void> {
  client.send(encodeHandshake(64, [METHOD.token]));
  await client.until(() => client.asked.length === 1);
}

function response(length: number): Uint8Array {
  const bytes = Buffer.from(encodeResponse(METHOD.token, Buffer.alloc(60_000, "x")));
  bytes.writeUInt32BE(length, 12);
  return bytes;
}

function handshake(known: number): Uint8Array {
  const bytes = Buffer.concat([encodeHandshake(1_024, []), Buffer.alloc(60_000)]);
  bytes.writeUInt32BE(known, 8);
  return bytes;
}

const FLOODS: readonly Flood[] = [
  { name: "flood of garbage", word: "malformed", piece: Buffer.alloc(65_536, "garbage ") },
  {
    name: "flood of garbage in the setup",
    word: "malformed",
    begin: inSetup,
    piece: Buffer.alloc(65_536, "garbage "),
  },
  { name: "flood behind a huge number of methods", word: "limit", piece: handshake(0xffffffff) },
  { name: "flood behind a huge length", word: "limit", begin: inSetup, piece: response(0xffffffff) },
  {
    name: "flood of answers",
    word: "malformed",
    begin: inSetup,
    piece: Buffer.concat(Array.from({ length: 500 }, () => encodeResponse(METHOD.token, new Uint8Array(99)))),
  },
  {
    name: "flood of heartbeats",
    word: "rate",
    begin: (client, { network }) => client.introduce({ network, watch: true }),
    piece: Buffer.concat(Array.from({ length: 1_000 }, () => encodeHeartbeat(0n))),
  },
  {
    name: "flood of signals",
    word: "rate",
    begin: (client) => client.introduce({ network: "flood", identity: IDENTITY, signal: true }),
    // To all flooders: each of them is sent what the others send, until it is thrown out.
    piece: Buffer.concat(Array.from({ length: 1_000 }, () => encodeSignal(IDENTITY, Buffer.alloc(99)))),
  },
  {
    name: "flood of replaced payloads",
    word: "rate",
    begin: (client) => client.introduce({ network: "flood", update: true, bulkBytes: BULK.bytes }),
    piece: Buffer.concat(
      Array.from({ length: 100 }, (_, i) => encodeResponse(BULK.method, Buffer.alloc(BULK.bytes, i))),
    ),
  },
];

async function drench(ground: Ground, floods: readonly Flood[]): Promise<void> {
  const endMs = performance.now() + 1_000 * ground.scale.seconds;
  await Promise.all(floods.map((one) => flooders(ground, one, Math.ceil(FLOODERS / floods.length), endMs)));
  await ground.untilAlone();
}

async function flooders(ground: Ground, flood: Flood, count: number, endMs: number): Promise<void> {
  const { begin, piece, word } = flood;
  const clients: RawConnection[] = [];
  // A reset may take the message along, where the flood went on for longer than the server reads.
  const isTold = () => clients.some(({ rejected }) => rejected?.word === word);
  const comeAgain = async () => {
    do {
      const client = await ground.connect();
      clients.push(client);
      await begin?.(client, ground);
      await pour(client, PIECES, piece);
      await client.end();
      ground.expect(client.socket.destroyed, `the server let a ${flood.name} go on`);
      client.socket.destroy();
    } while (performance.now() < (isTold() ? endMs : endMs + UNTOLD_MS));
  };
  await Promise.all(Array.from({ length: count }, comeAgain));
  const words = ground.words(clients);
  ground.expect(words.has(word), `nobody got the Reject ${word} for a ${flood.name}`);
  words.delete(word);
  words.delete("");
  ground.expect(words.size === 0, `there were other words than ${word}: ${[...words.keys()]}`);
}

/** One address connects as fast as it can: it gets its 32 a second, and the others are told why not. */
async function reconnect(ground: Ground): Promise<void> {
  const startMs = performance.now();
  const endMs = startMs + 1_000 * ground.scale.seconds;
  const from = ground.newAddress();
  const words = new Map<string, number>();
  const again = async () => {
    while (performance.now() < endMs || !words.has("rate")) {
      const client = await ground.connect(from);
      client.send(encodeHandshake(0, []));
      await client.until(() => client.ended || client.asked.length > 0).catch(() => {});
      const word = client.asked.length > 0 ? "in" : (client.rejected?.word ?? "cut off");
      words.set(word, (words.get(word) ?? 0) + 1);
      client.socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: FLOODERS }, again));
  for (const [word, count] of words) ground.note(word, count);
  // Windows of a second, of which the stretch may touch two more.
  const windows = Math.ceil((performance.now() - startMs) / 1_000) + 1;
  const admitted = words.get("in") ?? 0;
  ground.expect(admitted >= 32 && admitted <= 32 * windows, `${admitted} were let in within ${windows} s`);
  await ground.untilAlone();
}

export const FLOOD_ATTACKS: readonly Attack[] = [
  { name: "floods of all kinds at once", options: PATIENT, run: (ground) => drench(ground, FLOODS) },
  ...FLOODS.map((one) => ({
    name: one.name,
    options: PATIENT,
    isLong: true,
    run: (ground: Ground) => drench(ground, [one]),
  })),
  { name: "reconnects of one address", options: PATIENT, run: reconnect },
];
