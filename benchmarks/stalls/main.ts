import { parseArgs } from "node:util";
import { BadOption, runScript, wholeNumber } from "../../tools/script.ts";
import { Worker } from "../harness/tasks.ts";
import { asMarkdown, figure, type Table } from "../report/tables.ts";
import type { HeartTask } from "./heart-process.ts";
import { HEART_SCENES, type Round } from "./heart-scenes.ts";
import { playWithSockets, type ServerKind, type SocketRounds } from "./socket-scenes.ts";

const NAMES = [...HEART_SCENES.map(({ name }) => name), "sockets"];
const USAGE = `npx tsx benchmarks/stalls/main.ts [options]

How long the event loop of a server stands still at most while very much happens at once: in the heart of LEKT alone,
and with sockets, beside a bare server on Node.js that does nothing but read, answer and close.

  --clients N     how many change or leave at once; snapshots have ten times as many (default: 10000)
  --rounds N      how often each is done, one after the other (default: 5)
  --only NAMES    these alone, with commas between: ${NAMES.join(", ")}
  --json          one JSON object with all rounds instead of a table
  --help          this text

Examples:
  npx tsx benchmarks/stalls/main.ts
  npx tsx benchmarks/stalls/main.ts --only snapshot,leave --json
  npx tsx benchmarks/stalls/main.ts --clients 1000 --rounds 2

Exit codes: 0 it was measured, 1 something failed, 2 wrong usage.`;

const GOAL_MS = 20;

interface Row {
  readonly name: string;
  readonly title: string;
  readonly rounds: readonly Round[];
  /** Whether the goal is meant for it. */
  readonly isHeart: boolean;
}

async function main(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      clients: { type: "string", default: "10000" },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const clients = wholeNumber("--clients", values.clients, 10);
  const rounds = wholeNumber("--rounds", values.rounds, 1);
  const names = values.only?.split(",") ?? NAMES;
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new BadOption(`--only ${unknown}: there is nothing of that name`);
  const rows: Row[] = [];
  for (const scene of HEART_SCENES.filter(({ name }) => names.includes(name))) {
    const title = scene.title((clients * scene.scale).toLocaleString("en"));
    process.stderr.write(`${title}\n`);
    rows.push({ name: scene.name, title, rounds: await played(scene.name, clients, rounds), isHeart: true });
  }
  if (names.includes("sockets")) {
    for (const kind of ["lekt", "bare"] as const) {
      process.stderr.write(`sockets: ${kind}\n`);
      rows.push(...socketRows(kind, clients, await playWithSockets(kind, clients, rounds)));
    }
  }
  process.stdout.write(values.json ? `${JSON.stringify(reportOf(rows))}\n` : asMarkdown(tableOf(rows)));
  return true;
}

async function played(scene: string, clients: number, rounds: number): Promise<Round[]> {
  const worker = await Worker.start<HeartTask>("../stalls/heart-process.ts");
  try {
    return await worker.do<Round[]>({ scene, clients, rounds });
  } finally {
    await worker.kill();
  }
}

function socketRows(kind: ServerKind, clients: number, { update, leave }: SocketRounds): Row[] {
  const who = kind === "lekt" ? "LEKT with sockets" : "a bare server with sockets";
  const many = clients.toLocaleString("en");
  return [
    {
      name: `sockets-update-${kind}`,
      title: `${who}: ${many} change at once`,
      rounds: update,
      isHeart: false,
    },
    { name: `sockets-leave-${kind}`, title: `${who}: ${many} leave at once`, rounds: leave, isHeart: false },
  ];
}

function reportOf(rows: readonly Row[]): unknown {
  return { node: process.version, rows: rows.map(({ name, title, rounds }) => ({ name, title, rounds })) };
}

function tableOf(rows: readonly Row[]): Table {
  return {
    title:
      "The longest that the event loop stood still, ms: the first time / the middle of the later ones / the worst",
    header: [
      "",
      "`monitorEventLoopDelay`",
      "without waiting for a core",
      "garbage collection",
      "done after, s",
      `≤ ${GOAL_MS} ms`,
    ],
    rows: rows.map(({ title, rounds, isHeart }) => {
      const work = rounds.map(({ longestWorkMs }) => longestWorkMs);
      return [
        title,
        threeOf(rounds.map(({ longestBlockMs }) => longestBlockMs)),
        threeOf(work),
        threeOf(rounds.map(({ longestCollectionMs }) => longestCollectionMs)),
        figure(Math.max(...rounds.map(({ seconds }) => seconds))),
        isHeart ? (Math.max(...work) <= GOAL_MS ? "met" : "missed") : "",
      ];
    }),
  };
}

/** The first round compiles what the others find compiled. */
function threeOf(rounds: readonly number[]): string {
  const [first = Number.NaN, ...later] = rounds;
  const middle = later.sort((a, b) => a - b)[Math.floor(later.length / 2)] ?? first;
  return [first, middle, Math.max(...rounds)].map(figure).join(" / ");
}

await runScript({ command: "npx tsx benchmarks/stalls/main.ts", usage: USAGE, main });
