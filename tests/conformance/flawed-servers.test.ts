import { type CheckResult, checkServer, SERVER_CHECKS } from "@lekt/conformance";
import { createServer } from "@lekt/server";
import { beforeAll, expect, test } from "vitest";
import { FlawedLine } from "./flawed-line.ts";
import { openFlawedStun } from "./flawed-stun.ts";
import type { ServerFlaw } from "./server-flaw.ts";
import { SERVER_FLAWS } from "./server-flaws.ts";
import { namesStun, ONE_AFTER_THE_OTHER } from "./server-mutations.ts";
import { RELAYS_ITSELF } from "./service-flaws.ts";

const HEARTBEAT_MS = 1_500;
const SETUP_MS = 3_000;
/** What a line in between cannot pass on: where the client really comes from. And 10 s, which our server takes elsewhere. */
const NOT_THROUGH_A_LINE = ["server-word-you", "circuit-lonely"];

/** A good server behind a flawed line. */
async function withServer<T>(
  { mutation = {}, options, stun }: Omit<ServerFlaw, "fails">,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const server = createServer({
    host: "::",
    port: 0,
    maxConnectionsPerSecond: 10_000,
    setupTimeoutMs: SETUP_MS,
    heartbeatIntervalMs: HEARTBEAT_MS,
    ...options,
  });
  await server.listen();
  const responder = stun && (await openFlawedStun(stun));
  const line = await FlawedLine.listen(
    { host: "127.0.0.1", port: server.address?.port as number },
    responder ? namesStun(responder.addresses) : mutation,
    "::",
  );
  try {
    return await use(`lekt://127.0.0.1:${line.port}`);
  } finally {
    responder?.close();
    await line.close();
    await server.close();
  }
}

function resultsOf(
  url: string,
  ids: readonly string[],
  patienceMs: number,
  options: ServerFlaw["options"] = {},
) {
  return checkServer(url, {
    isWanted: ({ id }) => ids.includes(id),
    patienceMs,
    connectionsPerSecond: 1_000,
    setupMs: options.setupTimeoutMs ?? SETUP_MS,
    heartbeatMs: options.heartbeatIntervalMs ?? HEARTBEAT_MS,
  });
}

test("each check of a server is failed by a server that is wrong", () => {
  const failed = new Set(Object.values(SERVER_FLAWS).flatMap(({ fails }) => fails));
  expect([...failed].sort()).toEqual(SERVER_CHECKS.map(({ id }) => id).sort());
});

test("through a line without a flaw everything holds", async () => {
  const ids = SERVER_CHECKS.map(({ id }) => id).filter((id) => !NOT_THROUGH_A_LINE.includes(id));
  const results = await withServer({ mutation: RELAYS_ITSELF }, (url) => resultsOf(url, ids, 10_000));
  expect(results.filter(({ status }) => status !== "holds")).toEqual([]);
  expect(results.length).toBe(ids.length);
});

test("nothing is skipped where a server asks for one method after the other", async () => {
  const ids = ["payload-name", "hold-first", "server-word", "session", "update", "resume", "watch"];
  const results = await withServer({ mutation: ONE_AFTER_THE_OTHER }, (url) => resultsOf(url, ids, 10_000));
  expect(results.filter(({ status }) => status !== "holds")).toEqual([]);
  expect(results.length).toBe(ids.length);
});

const outcomes = new Map<string, readonly CheckResult[]>();

/** Dozens of peers on a machine that is busy with other tests. */
const HOOK_TIMEOUT_MS = 120_000;

// All at once: they wait for most of the time.
beforeAll(async () => {
  await Promise.all(
    Object.entries(SERVER_FLAWS).map(async ([name, { fails, ...flaw }]) => {
      outcomes.set(name, await withServer(flaw, (url) => resultsOf(url, fails, 1_000, flaw.options)));
    }),
  );
}, HOOK_TIMEOUT_MS);

test.each(Object.entries(SERVER_FLAWS))("a server that %s", (name, { fails }) => {
  const results = outcomes.get(name) ?? [];
  expect(results.map(({ id, status }) => `${id} ${status}`)).toEqual(results.map(({ id }) => `${id} fails`));
  expect(results.map(({ id }) => id).sort()).toEqual([...fails].sort());
});
