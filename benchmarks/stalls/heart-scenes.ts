import { setTimeout as sleep } from "node:timers/promises";
import { type HeartClient, HeartLoop } from "./heart-loop.ts";
import { type Stalls, stalls, watchStalls } from "./stall-meter.ts";

export interface Round extends Stalls {
  /** Until all was done. */
  readonly seconds: number;
}

/** What is done to the heart alone. A scene plays for some rounds in a process of its own. */
export interface HeartScene {
  readonly name: string;
  /** @param clients how many are told of in the title. */
  readonly title: (clients: string) => string;
  /** How many clients for each that was asked for. */
  readonly scale: number;
  readonly play: (clients: number, rounds: number) => Promise<Round[]>;
}

/** Long enough that all changes fall into one tick, but for the first ones, which are told at once. */
const LONG_TICK_MS = 1_000;
/** A snapshot is made anew after so many. */
const SNAPSHOT_SECONDS = 61;
/** What was thrown away before is not what is measured: it is collected meanwhile. */
const REST_MS = 100;

export const HEART_SCENES: readonly HeartScene[] = [
  {
    name: "snapshot",
    title: (clients) => `a newcomer is told of ${clients} clients`,
    scale: 10,
    play: (clients, rounds) => newcomers(1, false, clients, rounds),
  },
  {
    name: "snapshot-10",
    title: (clients) => `10 newcomers at once are told of ${clients} clients`,
    scale: 10,
    play: (clients, rounds) => newcomers(10, false, clients, rounds),
  },
  {
    name: "snapshot-sessions",
    title: (clients) => `10 newcomers who want sessions, ${clients} clients`,
    scale: 10,
    play: (clients, rounds) => newcomers(10, true, clients, rounds),
  },
  {
    name: "update",
    title: (clients) => `${clients} clients change in one tick, and each is told`,
    scale: 1,
    play: (clients, rounds) => updates(false, clients, rounds),
  },
  {
    name: "update-sessions",
    title: (clients) => `${clients} clients change in one tick, half of them want sessions`,
    scale: 1,
    play: (clients, rounds) => updates(true, clients, rounds),
  },
  {
    name: "leave",
    title: (clients) => `${clients} clients leave at once, a tenth as many stay and are told`,
    scale: 1,
    play: leaves,
  },
];

async function newcomers(
  count: number,
  sessions: boolean,
  clients: number,
  rounds: number,
): Promise<Round[]> {
  const loop = new HeartLoop();
  loop.join(0, clients, { sessions });
  await loop.idle();
  return played(loop, rounds, async (round) => {
    loop.skipSeconds(SNAPSHOT_SECONDS);
    const comers = loop.join(clients + round * count, count, { watches: true, sessions });
    await loop.idle();
    return {
      act: () => beat(comers),
      isDone: () => comers.every(({ replies }) => replies === 1),
    };
  });
}

async function updates(halfWithSessions: boolean, clients: number, rounds: number): Promise<Round[]> {
  const loop = new HeartLoop(LONG_TICK_MS);
  const half = Math.ceil(clients / 2);
  const members = [
    ...loop.join(0, half, { holds: true, sessions: halfWithSessions }),
    ...loop.join(half, clients - half, { holds: true }),
  ];
  beat(members);
  await loop.idle();
  return played(loop, rounds, async () => {
    const before = members.map(({ replies }) => replies);
    return {
      act: () => {
        for (const member of members) member.update();
      },
      isDone: () => members.every(({ replies }, i) => replies > (before[i] as number)),
    };
  });
}

async function leaves(clients: number, rounds: number): Promise<Round[]> {
  const loop = new HeartLoop();
  const staying = loop.join(0, Math.ceil(clients / 10), { holds: true });
  beat(staying);
  await loop.idle();
  return played(loop, rounds, async () => {
    const leaving = loop.join(staying.length, clients, { holds: true });
    beat(leaving);
    await loop.idle();
    const before = staying.map(({ replies }) => replies);
    return {
      act: () => {
        for (const member of leaving) member.leave();
      },
      isDone: () => staying.every(({ replies }, i) => replies > (before[i] as number)),
    };
  });
}

function beat(clients: readonly HeartClient[]): void {
  for (const client of clients) client.beat();
}

interface Deed {
  readonly act: () => void;
  /** Whether everybody was told, once the heart has nothing to do any more. */
  readonly isDone: () => boolean;
}

async function played(
  loop: HeartLoop,
  rounds: number,
  prepare: (round: number) => Promise<Deed>,
): Promise<Round[]> {
  const results: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const { act, isDone } = await prepare(round);
    await sleep(REST_MS);
    await watchStalls();
    const sinceMs = performance.now();
    act();
    await loop.idle();
    const seconds = (performance.now() - sinceMs) / 1_000;
    results.push({ ...(await stalls()), seconds });
    if (!isDone()) throw new Error("somebody was not told");
  }
  loop.stop();
  return results;
}
