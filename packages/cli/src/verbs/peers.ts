import { join, type Peer, type Room } from "@lekt/client";
import { LektError } from "@lekt/protocol";
import { type Command, Option } from "commander";
import { addClientFlags, type ClientFlags, clientOptionsOf, URL_HELP, urlOf } from "../client-flags.ts";
import { displayWidth, padToWidth } from "../display-width.ts";
import { WaitedInVain } from "../failure.ts";
import { seconds, wholeNumber } from "../flag-values.ts";
import { jsonLine } from "../json-line.ts";
import { type Colors, colorsFor, write } from "../output.ts";
import { peerAddress, peerMethods, peerName } from "../peer-text.ts";
import { roomJson } from "../room-json.ts";

type PeersFlags = ClientFlags & {
  readonly wait?: number;
  readonly timeout?: number;
  readonly json?: true;
};

const EXAMPLES = `
Nobody sees you look, unless the server does not know how to watch; then it says so.

Examples:
  lekt peers lekt://localhost
  lekt peers lekt://localhost/build --wait 5 --timeout 120 && make deploy
  lekt peers lekt://localhost --json | jq -r '.peers[].name'

Exit codes: 0 fine; 2 wrong usage; 3 fewer than --wait peers when the time was over; 4 no server; 5 refused;
6 no LEKT server there.`;

const SEEN =
  "lekt: this server knows nothing of watching: the others saw this look as a client without a name.\n";
const LOOK_TIMEOUT_MS = 10_000;
const WAIT_TIMEOUT_MS = 60_000;

export function addPeers(program: Command): void {
  const command = program
    .command("peers")
    .summary("one look at who is there, without being seen")
    .description("Shows who is in a network, without being in it.")
    .argument("<url>", URL_HELP)
    .addOption(
      new Option("--wait <count>", "wait until at least so many peers are there").argParser(
        wholeNumber(1, 1_000_000),
      ),
    )
    .addOption(
      new Option(
        "--timeout <seconds>",
        `how long all of it may take (default: ${LOOK_TIMEOUT_MS / 1_000}, with --wait ${WAIT_TIMEOUT_MS / 1_000})`,
      ).argParser(seconds),
    )
    .option("--json", "one JSON object");
  addClientFlags(command);
  command.addHelpText("after", EXAMPLES).action(peers);
}

async function peers(url: string, flags: PeersFlags): Promise<void> {
  const timeoutMs = flags.timeout ?? (flags.wait === undefined ? LOOK_TIMEOUT_MS : WAIT_TIMEOUT_MS);
  const timeout = AbortSignal.timeout(timeoutMs);
  const look = new Look(flags.wait, timeoutMs);
  try {
    const options = clientOptionsOf(flags, process.env);
    await using room = await join(urlOf(url), { ...options, watch: true, signal: timeout });
    if (room.self) process.stderr.write(SEEN);
    await look.until(room, timeout);
    await write(
      flags.json ? jsonLine(roomJson(room)) : table(room.peers, colorsFor(process.stdout, process.env)),
    );
  } catch (error) {
    throw timeout.aborted ? look.inVain() : error;
  }
}

/** What is waited for, and what was there when it ended. */
class Look {
  readonly #wanted: number | undefined;
  readonly #timeoutMs: number;
  #present: number | undefined;

  constructor(wanted: number | undefined, timeoutMs: number) {
    this.#wanted = wanted;
    this.#timeoutMs = timeoutMs;
  }

  async until(room: Room, timeout: AbortSignal): Promise<void> {
    const wanted = this.#wanted ?? 0;
    const isEnough = () => {
      this.#present = room.peers.filter((peer) => !peer.stale).length;
      return this.#present >= wanted;
    };
    if (isEnough()) return;
    for await (const _ of room.events({ signal: timeout })) if (isEnough()) return;
    throw this.inVain();
  }

  inVain(): LektError {
    const time = `${this.#timeoutMs / 1_000} s`;
    if (this.#wanted === undefined) {
      return new LektError("LEKT_TIMEOUT", `The server did not show its peers within ${time}.`);
    }
    const there =
      this.#present === undefined
        ? "the server did not answer"
        : `${this.#present} ${this.#present === 1 ? "was" : "were"} there`;
    return new WaitedInVain(
      `Waited ${time} for ${this.#wanted} peers, and ${there}. Give more --timeout, or check the URL.`,
    );
  }
}

function table(all: readonly Peer[], colors: Colors): string {
  if (all.length === 0) return "Nobody is there.\n";
  const rows = all.map((peer) => [peerName(peer), peerAddress(peer), peerMethods(peer)]);
  const header = ["NAME", "ADDRESS", "TELLS"];
  const widthOf = (column: number) =>
    [header, ...rows].reduce((width, row) => Math.max(width, displayWidth(row[column] as string)), 0);
  const widths = [widthOf(0), widthOf(1)];
  const line = ([name, address, methods]: string[]) =>
    `${padToWidth(name as string, widths[0] as number)}  ${padToWidth(address as string, widths[1] as number)}  ${methods}`.trimEnd();
  const count = all.length === 1 ? "1 peer." : `${all.length} peers.`;
  return `${[colors.bold(line(header)), ...rows.map(line), "", count].join("\n")}\n`;
}
