import { VirtualClock } from "@lekt/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AttemptRace, type AttemptRaceOptions } from "../../src/peers/attempt-race.ts";

/** What a method does, in milliseconds after it was told to. */
interface Script {
  readonly name: string;
  readonly relayed?: boolean;
  /** undefined: never. */
  readonly arrivesMs?: number;
  readonly failsMs?: number;
  /** Whose it is, after it was asked. Without: it is secured without a turn of its own. */
  readonly provesMs?: number;
  /** After that, and after its turn has come. */
  readonly securesMs?: number;
  readonly securingFailsMs?: number;
  /** Its path breaks so long after it was there, while it waits. */
  readonly breaksMs?: number;
}

const OPTIONS: AttemptRaceOptions = { headStartMs: 250, graceMs: 2_000, proofMs: 6_000, endMs: 15_000 };

/** Runs the race with scripted methods. @returns its steps, each with the time. */
function run(scripts: readonly Script[], options: Partial<AttemptRaceOptions> = {}): readonly string[] {
  const clock = new VirtualClock();
  const log: string[] = [];
  const runners = scripts.map(({ name, relayed = false }) => ({ name, relayed }));
  const race = new AttemptRace(runners, { ...OPTIONS, ...options }, 0);
  const later = (delayMs: number | undefined, action: () => void) => {
    if (delayMs === undefined) return;
    clock.in(delayMs, () => {
      action();
      pump();
    });
  };
  const pump = () => {
    for (const step of race.takeSteps()) {
      const name = "name" in step ? step.name : step.reason;
      log.push(`${clock.nowMs} ${step.type} ${name}`);
      const script = scripts.find((candidate) => candidate.name === name);
      if (step.type === "dial") {
        later(script?.failsMs, () => race.failed(name, clock.nowMs));
        later(script?.arrivesMs, () => {
          race.arrived(name, clock.nowMs);
          later(script?.breaksMs, () => race.failed(name, clock.nowMs));
        });
      }
      if (step.type === "secure" && script?.provesMs !== undefined) {
        later(script.provesMs, () => race.proven(name));
      } else if (step.type === "secure" || step.type === "greet") {
        later(script?.securesMs, () => race.secured(name));
        later(script?.securingFailsMs, () => race.failed(name, clock.nowMs));
      }
    }
    const { deadlineMs } = race;
    if (deadlineMs < Number.POSITIVE_INFINITY) clock.at(deadlineMs, () => onDeadline(deadlineMs));
  };
  const onDeadline = (deadlineMs: number) => {
    // An earlier one may have moved it.
    if (race.deadlineMs !== deadlineMs) return;
    race.onDeadline(clock.nowMs);
    pump();
  };
  pump();
  while (clock.nextMs < Number.POSITIVE_INFINITY) {
    if (clock.kept > 10_000) throw new Error("the race does not end");
    clock.step();
  }
  return log;
}

const TCP = { name: "tcp", securesMs: 20 };
const UDP = { name: "udp", securesMs: 20 };
const RELAY = { name: "relay", relayed: true, securesMs: 20 };

describe("head starts", () => {
  test("the first that is quick has no rival", () => {
    expect(run([{ ...TCP, arrivesMs: 30 }, UDP, RELAY])).toEqual([
      "0 dial tcp",
      "30 secure tcp",
      "50 won tcp",
    ]);
  });

  test("the next starts when the one before has had its head start", () => {
    expect(run([TCP, { ...UDP, arrivesMs: 100 }, RELAY])).toEqual([
      "0 dial tcp",
      "250 dial udp",
      "350 secure udp",
      "370 cancel tcp",
      "370 won udp",
    ]);
  });

  test("… or is out", () => {
    expect(
      run([
        { ...TCP, failsMs: 10 },
        { ...UDP, arrivesMs: 100 },
      ]),
    ).toEqual(["0 dial tcp", "10 dial udp", "110 secure udp", "130 won udp"]);
  });

  test("a path that is being secured has a head start, too", () => {
    const slow = { ...TCP, arrivesMs: 240, securesMs: 400 };
    expect(run([slow, UDP])).toEqual([
      "0 dial tcp",
      "240 secure tcp",
      "490 dial udp",
      "640 cancel udp",
      "640 won tcp",
    ]);
  });

  test("relayed methods start last, wherever they stand", () => {
    expect(run([RELAY, TCP, UDP]).filter((line) => line.includes("dial"))).toEqual([
      "0 dial tcp",
      "250 dial udp",
      "500 dial relay",
    ]);
  });
});

describe("a direct path and the relay", () => {
  test("a direct one within the grace time wins", () => {
    expect(
      run([
        { ...TCP, arrivesMs: 2_000 },
        { ...RELAY, arrivesMs: 10 },
      ]),
    ).toEqual(["0 dial tcp", "250 dial relay", "2000 secure tcp", "2020 cancel relay", "2020 won tcp"]);
  });

  test("after the grace time the relay wins", () => {
    expect(
      run([
        { ...TCP, arrivesMs: 2_400 },
        { ...RELAY, arrivesMs: 10 },
      ]),
    ).toEqual(["0 dial tcp", "250 dial relay", "2260 secure relay", "2280 cancel tcp", "2280 won relay"]);
  });

  test("where no direct one can come any more, at once", () => {
    expect(
      run([
        { ...TCP, failsMs: 400 },
        { ...RELAY, arrivesMs: 10 },
      ]),
    ).toEqual(["0 dial tcp", "250 dial relay", "400 secure relay", "420 won relay"]);
  });

  test("the relayed path breaks while it waits: the race goes on", () => {
    expect(
      run([
        { ...TCP, arrivesMs: 1_000 },
        { ...RELAY, arrivesMs: 10, breaksMs: 100 },
      ]),
    ).toEqual(["0 dial tcp", "250 dial relay", "1000 secure tcp", "1020 won tcp"]);
  });
});

describe("only a path that was secured has won", () => {
  test("one that fails leaves the race to the others", () => {
    const impostor = { name: "tcp", arrivesMs: 10, securingFailsMs: 50 };
    expect(run([impostor, { ...UDP, arrivesMs: 10 }])).toEqual([
      "0 dial tcp",
      "10 secure tcp",
      "60 dial udp",
      "70 secure udp",
      "90 won udp",
    ]);
  });

  test("one at a time: the second waits until the first has failed", () => {
    const silent = { name: "tcp", arrivesMs: 10, securingFailsMs: 5_000 };
    expect(run([silent, { ...UDP, arrivesMs: 10 }, { ...RELAY, arrivesMs: 10 }])).toEqual([
      "0 dial tcp",
      "10 secure tcp",
      "260 dial udp",
      "510 dial relay",
      "5010 secure udp",
      "5030 cancel relay",
      "5030 won udp",
    ]);
  });
});

describe("who is slow to prove whose it is", () => {
  const options = { proofMs: 1_000 };

  test("gets company, and may win all the same", () => {
    const slow = { name: "tcp", arrivesMs: 10, provesMs: 1_100, securesMs: 20 };
    const silent = { name: "udp", arrivesMs: 10 };
    expect(run([slow, silent], options)).toEqual([
      "0 dial tcp",
      "10 secure tcp",
      "260 dial udp",
      "1010 secure udp",
      "1110 greet tcp",
      "1130 cancel udp",
      "1130 won tcp",
    ]);
  });

  test("delays the others no longer than that, each", () => {
    const silent = (name: string) => ({ name, arrivesMs: 10 });
    const lines = run(
      [silent("one"), silent("two"), silent("three"), { ...TCP, arrivesMs: 10, provesMs: 5 }],
      options,
    );
    expect(lines.filter((line) => /secure|greet|won/.test(line))).toEqual([
      "10 secure one",
      "1010 secure two",
      "2010 secure three",
      "3010 secure tcp",
      "3015 greet tcp",
      "3035 won tcp",
    ]);
  });

  test("holds back the relay for its grace, and no longer", () => {
    const silent = { name: "tcp", arrivesMs: 10 };
    expect(run([silent, { ...RELAY, arrivesMs: 10, provesMs: 5 }], options).slice(2)).toEqual([
      "260 dial relay",
      "2270 secure relay",
      "2275 greet relay",
      "2295 cancel tcp",
      "2295 won relay",
    ]);
  });

  test("waits for its turn where it comes to it beside another", () => {
    const slow = { name: "tcp", arrivesMs: 10, provesMs: 1_030, securesMs: 20 };
    const fails = { name: "udp", arrivesMs: 10, provesMs: 10, securingFailsMs: 500 };
    expect(run([slow, fails], options).slice(3)).toEqual([
      "1010 secure udp",
      "1020 greet udp",
      "1520 greet tcp",
      "1540 won tcp",
    ]);
  });
});

describe("further paths of an attempt", () => {
  function raceOf(...names: string[]): AttemptRace {
    return new AttemptRace(
      names.map((name) => ({ name, relayed: false })),
      OPTIONS,
      0,
    );
  }

  test("run as those do that are dialled, and win", () => {
    const race = raceOf("tcp");
    race.arrived("tcp", 10);
    race.awaited({ name: "tcp 2", relayed: false });
    race.failed("tcp", 20);
    race.takeSteps();
    race.arrived("tcp 2", 30);
    race.secured("tcp 2");
    expect(race.takeSteps()).toEqual([
      { type: "secure", name: "tcp 2" },
      { type: "won", name: "tcp 2" },
    ]);
    race.awaited({ name: "tcp 3", relayed: false });
    race.absent("tcp 3", 40);
    expect(race.takeSteps()).toEqual([]);
  });

  test("that do not come take nobody's head start, and are none to wait for", () => {
    const race = raceOf("tcp", "udp");
    race.arrived("tcp", 10);
    race.awaited({ name: "tcp 2", relayed: false });
    race.absent("tcp 2", 20);
    expect(race.takeSteps().map(({ type }) => type)).toEqual(["dial", "secure"]);
    race.failed("tcp", 30);
    race.failed("udp", 40);
    expect(race.takeSteps()).toEqual([
      { type: "dial", name: "udp" },
      { type: "lost", reason: "exhausted" },
    ]);
  });
});

describe("without a winner", () => {
  test("nobody runs", () => {
    expect(run([])).toEqual(["0 lost exhausted"]);
  });

  test("all are out", () => {
    expect(
      run([
        { ...TCP, failsMs: 10 },
        { ...RELAY, failsMs: 5 },
      ]),
    ).toEqual(["0 dial tcp", "10 dial relay", "15 lost exhausted"]);
  });

  test("the time is over", () => {
    expect(run([TCP, RELAY], { endMs: 1_000 })).toEqual([
      "0 dial tcp",
      "250 dial relay",
      "1000 cancel tcp",
      "1000 cancel relay",
      "1000 lost timeout",
    ]);
  });

  test("stopped: what runs is cancelled, and nothing follows", () => {
    const race = new AttemptRace([{ name: "tcp", relayed: false }], OPTIONS, 0);
    race.takeSteps();
    race.stop();
    race.stop();
    race.arrived("tcp", 1);
    race.onDeadline(20_000);
    expect(race.takeSteps()).toEqual([{ type: "cancel", name: "tcp" }]);
    expect(race.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });
});

const someMs = fc.option(fc.integer({ min: 0, max: 4_000 }), { nil: undefined });
const scripts = fc
  .array(
    fc.record({
      arrivesMs: someMs,
      failsMs: someMs,
      provesMs: someMs,
      securesMs: someMs,
      securingFailsMs: someMs,
      breaksMs: someMs,
    }),
    { maxLength: 5 },
  )
  .chain((all) =>
    fc.tuple(...all.map(() => fc.boolean())).map((relayed) =>
      all.map((script, i): Script => {
        const known = Object.entries(script).filter(([, ms]) => ms !== undefined);
        return { ...Object.fromEntries(known), name: `m${i}`, relayed: relayed[i] as boolean };
      }),
    ),
  );

test("whatever the methods do: one end, at the latest in time, and everybody who runs is told", () => {
  fc.assert(
    fc.property(scripts, fc.integer({ min: 1, max: 5_000 }), (methods, proofMs) => {
      const lines = run(methods, { proofMs }).map((line) => line.split(" ") as [string, string, string]);
      const of = (type: string) => lines.filter(([, step]) => step === type).map(([, , name]) => name);
      expect(lines.filter(([, step]) => step === "won" || step === "lost")).toEqual(lines.slice(-1));
      expect(Number(lines.at(-1)?.[0])).toBeLessThanOrEqual(OPTIONS.endMs);
      // Nobody starts, or is cancelled, twice; only who runs is cancelled, and never who won.
      for (const type of ["dial", "secure", "greet", "cancel"])
        expect(new Set(of(type)).size).toBe(of(type).length);
      expect(of("dial")).toEqual(expect.arrayContaining([...of("secure"), ...of("cancel"), ...of("won")]));
      expect(of("cancel").filter((name) => of("won").includes(name))).toEqual([]);
      expect(of("secure")).toEqual(expect.arrayContaining(of("won")));
    }),
  );
});
