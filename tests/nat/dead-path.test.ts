import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Line } from "../abuse/line.ts";
import type { DeadPathOrder, Ends } from "./dead-path-process.ts";
import { lacksLab } from "./lacks-lab.ts";
import { NatLab } from "./nat-lab.ts";
import { SERVER_ADDRESSES } from "./topology.ts";

const METHODS = ["tcp", "udp", "relay"] as const;
/** A pulse says it after 8 to 10 s (spec 9.10.6), on a machine that keeps up; without one, TCP would take a quarter of an hour. */
const SECONDS = 30_000;

describe.skipIf(lacksLab)("a line that is cut without a word", () => {
  let lab: NatLab;

  beforeAll(async () => {
    lab = await NatLab.build({ left: { routers: ["P"] }, right: { routers: ["P"] } });
    await once(lab.internet.fork("rendezvous-process.ts"), "message");
  }, 120_000);
  afterAll(() => lab?.close());

  async function peer(site: string): Promise<Line> {
    const child = lab.host(site).fork("dead-path-process.ts", `lekt://${SERVER_ADDRESSES[0]}/dead-path`);
    await once(child, "message");
    return new Line(child, () => undefined);
  }

  test("is told to both peers, of which one was sending", { timeout: SECONDS + 60_000 }, async () => {
    const reader = await peer("right");
    const sender = await peer("left");
    for (const method of METHODS) await ask<void>(sender, { do: "send", method });
    await lab.cutLine("right");
    const cutMs = performance.now();
    const told = await Promise.all([sender, reader].map((line) => ask<Ends>(line, { do: "ends" })));
    const dead = Object.fromEntries(METHODS.map((method) => [method, "LEKT_PATH"]));
    expect(told).toEqual([dead, dead]);
    expect(performance.now() - cutMs).toBeLessThan(SECONDS);
  });
});

function ask<Answer>(line: Line, order: DeadPathOrder): Promise<Answer> {
  return line.ask<Answer>(order);
}
