import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { type JoinOptions, join as joinRoom, type Room, type RoomEvent } from "@lekt/client";
import { encodeUtf8, LektError, MAX_DATA_BYTES, withoutFragment } from "@lekt/protocol";
import { type Command, Option } from "commander";
import {
  addClientFlags,
  type ClientFlags,
  clientOptionsOf,
  nameClientFlagsIn,
  URL_HELP,
  urlOf,
} from "../client-flags.ts";
import { EXIT } from "../exit-codes.ts";
import { fileOfFlag, identity, method, port } from "../flag-values.ts";
import { jsonLine } from "../json-line.ts";
import type { LiveList } from "../live/live-list.ts";
import { colorsFor, write } from "../output.ts";
import { eventJson, roomJson } from "../room-json.ts";
import { onStopSignal } from "../stop-signals.ts";

type JoinFlags = ClientFlags & {
  readonly name?: string;
  readonly tcp?: number;
  readonly udp?: number;
  readonly relay?: true;
  readonly data?: string;
  readonly dataFile?: string;
  readonly identity?: Uint8Array;
  readonly method?: ReadonlyMap<number, Uint8Array>;
  readonly watch?: true;
  readonly json?: true;
};

const EXAMPLES = `
Everybody in the network sees what you tell of yourself, and your address. On a terminal the list is kept
up to date; in a pipe, or with --json, every line is a JSON object: first "online" with all who are there,
then "joined", "left", "updated", "stale", "back", "status", "server", "synced".

Examples:
  lekt join lekt://localhost --name ada
  lekt join lekt://example.org/friends --name ada --tcp 4000 --data "at the lake"
  lekt join lekt://localhost --watch --json | jq -r 'select(.event == "joined").peer.name'
  lekt join lekt://localhost --name sensor --method 33=00ff --wait-for-server
  vmstat -n 5 | lekt join lekt://localhost --name sensor --data -      each line replaces the one before

Exit codes: 0 ended by SIGINT or SIGTERM; 2 wrong usage; 4 no server; 5 refused; 6 no LEKT server there.`;

export function addJoin(program: Command): void {
  const command = program
    .command("join")
    .summary("be in a network, and see who else is")
    .description("Joins a network and shows who is there, who comes and who leaves, until SIGINT or SIGTERM.")
    .argument("<url>", URL_HELP)
    .option("--name <name>", "your name, for people to read (up to 64 bytes)")
    .addOption(new Option("--tcp <port>", "peers can connect to this TCP port of yours").argParser(port))
    .addOption(new Option("--udp <port>", "the same for streams over UDP").argParser(port))
    .option("--relay", "peers can reach you through the server's relay")
    .addOption(
      new Option(
        "--data <text>",
        "further text for everybody to see (up to 1024 bytes); -: each line of stdin replaces the one before",
      ).conflicts("dataFile"),
    )
    .option("--data-file <file>", "the same, the bytes of a file")
    .addOption(
      new Option("--identity <hex>", "SHA-256 of your certificate, 64 hex digits").argParser(identity),
    )
    .addOption(
      new Option("--method <n=hex>", "a further method and its payload; may be repeated").argParser(method),
    )
    .option("--watch", "see without being seen")
    .option("--json", "one JSON object a line, also on a terminal");
  addClientFlags(command);
  command.addHelpText("after", EXAMPLES).action(join);
}

async function join(urlOrFile: string, flags: JoinFlags): Promise<void> {
  const url = urlOf(urlOrFile);
  const stopping = new AbortController();
  let room: Room | undefined;
  onStopSignal(() => {
    if (room) void room.drain();
    else stopping.abort();
  });
  const isLive = !flags.json && process.stdout.isTTY === true;
  const list = isLive ? await liveList(url, flags) : undefined;
  try {
    room = await joinRoom(url, { ...joinOptionsOf(flags), signal: stopping.signal });
    if (flags.data === "-") void publishLines(room);
    if (list) {
      list.show(room);
      await endOf(room);
    } else await printEvents(room);
  } catch (error) {
    if (!stopping.signal.aborted) throw namingFlags(error);
  } finally {
    list?.end();
    void room?.close();
  }
}

/** Loaded where it is needed, so that a pipe starts sooner. */
async function liveList(url: string, flags: JoinFlags): Promise<LiveList> {
  const { LiveList } = await import("../live/live-list.ts");
  return new LiveList(withoutFragment(url), flags.watch === true, colorsFor(process.stdout, process.env));
}

function namingFlags(error: unknown): unknown {
  if (!(error instanceof LektError) || error.code !== "LEKT_OPTION") return error;
  return new LektError(error.code, nameClientFlagsIn(error.message), { cause: error });
}

/** How long the end waits for a reader who does not read. */
const LAST_WORDS_MS = 1_000;

/** As fast as they are read: what waits is bounded by the room's own queue (`LEKT_EVENTS_LOST`). */
async function printEvents(room: Room): Promise<void> {
  const printing = printAll(room, room.events());
  const ended = endOf(room);
  // Whichever fails first is the reason; the other one follows from it.
  for (const promise of [printing, ended]) promise.catch(() => {});
  await Promise.race([ended, printing]);
  const isRead = await Promise.race([printing.then(() => true), pause(LAST_WORDS_MS, false)]);
  if (!isRead) process.exit(EXIT.fine);
}

async function printAll(room: Room, events: AsyncIterable<RoomEvent>): Promise<void> {
  await print({ event: "online", ...roomJson(room) });
  for await (const event of events) await print(eventJson(event));
}

function joinOptionsOf(flags: JoinFlags): JoinOptions {
  const { name, tcp, udp, relay, identity: ownIdentity, method: payloads, watch } = flags;
  const data = dataOf(flags);
  return {
    ...clientOptionsOf(flags, process.env),
    ...(name !== undefined && { name }),
    ...(tcp !== undefined && { tcp }),
    ...(udp !== undefined && { udp }),
    ...(data && { data }),
    ...(ownIdentity && { identity: ownIdentity }),
    ...(payloads && { payloads }),
    relay: relay === true,
    watch: watch === true,
  };
}

function dataOf({ data, dataFile }: JoinFlags): Uint8Array | undefined {
  if (dataFile !== undefined) return fileOfFlag("--data-file", dataFile);
  if (data === "-") return new Uint8Array(0);
  return data === undefined ? undefined : encodeUtf8(data);
}

/** Each line of stdin becomes the data that the others see; what is too long for that is cut. */
async function publishLines(room: Room): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (room.status.state === "closed") return;
    room.update({ data: encodeUtf8(line).subarray(0, MAX_DATA_BYTES) });
  }
}

/** Resolves when the room was closed by this program, rejects where it ended for another reason. */
async function endOf(room: Room): Promise<void> {
  const status = await new Promise<Room["status"]>((resolve) => {
    if (room.status.state === "closed") return resolve(room.status);
    room.on((event) => {
      if (event.type === "status" && event.status.state === "closed") resolve(event.status);
    });
  });
  if (status.error) throw status.error;
}

function print(line: Record<string, unknown>): Promise<void> {
  return write(jsonLine({ time: new Date().toISOString(), ...line }));
}
