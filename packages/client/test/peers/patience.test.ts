import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { closeOf, RAW_PAIRS, type RawPair } from "./raw-paths.ts";
import { accepting, dialing, type Options, outcomes, rawTlsClient, rawTlsServer } from "./secured-peers.ts";

interface Phase {
  readonly phase: string;
  /** A peer that is silent from this phase on. @returns resolves when the victim is in it. */
  readonly silence: (
    pair: RawPair,
    options: Options,
  ) => { victim: Promise<unknown>; reached: Promise<unknown> };
}

const PHASES: readonly Phase[] = [
  {
    phase: "TLS, dialing",
    silence: ([a, b], options) => ({ victim: dialing(a, options), reached: once(b, "readable") }),
  },
  {
    phase: "TLS, accepting",
    silence: ([, b], options) => ({ victim: accepting(b, options), reached: Promise.resolve() }),
  },
  {
    phase: "the preamble, dialing",
    silence: ([a, b], options) => {
      const reached = new Promise((resolve) => rawTlsServer(b, {}, (tls) => tls.once("data", resolve)));
      return { victim: dialing(a, options), reached };
    },
  },
  {
    phase: "the preamble, accepting",
    silence: ([a, b], options) => {
      const tls = rawTlsClient(a);
      return { victim: accepting(b, options), reached: once(tls, "secureConnect") };
    },
  },
  {
    phase: "the decision of the application",
    silence: ([a, b], options) => {
      rawTlsClient(a).write(Uint8Array.of(1, 0, 0));
      let victim: Promise<unknown> = Promise.resolve();
      const reached = new Promise<void>((resolve) => {
        const accept = () => {
          resolve();
          return new Promise<boolean>(() => {});
        };
        victim = accepting(b, { ...options, accept });
      });
      return { victim, reached };
    },
  },
];

describe.each(RAW_PAIRS)("over $kind", ({ rawPair }) => {
  test.each(PHASES)("a silent peer is given up in time: $phase", async ({ silence }) => {
    const pair = await rawPair();
    const { victim } = silence(pair, { timeoutMs: 150 });
    await expect(victim).rejects.toMatchObject({
      code: "LEKT_PATH",
      message: expect.stringContaining("within"),
    });
    await ended(pair);
  });

  test.each(PHASES)("the caller can give up: $phase", async ({ silence }) => {
    const pair = await rawPair();
    const abort = new AbortController();
    const { victim, reached } = silence(pair, { signal: abort.signal });
    const outcome = victim.catch((error) => error);
    await reached;
    abort.abort();
    expect(await outcome).toMatchObject({ name: "LektError", code: "LEKT_ABORTED" });
    await ended(pair);
  });

  test.each(PHASES)("a path that breaks is noticed: $phase", async ({ silence }) => {
    const pair = await rawPair();
    const { victim, reached } = silence(pair, {});
    const outcome = victim.catch((error) => error);
    await reached;
    for (const raw of pair) raw.destroy();
    expect(await outcome).toMatchObject({ name: "LektError", code: "LEKT_PATH" });
  });

  test("who has given up before is not connected", async () => {
    const pair = await rawPair();
    expect(await outcomes([dialing(pair[0], { signal: AbortSignal.abort() })])).toEqual(["LEKT_ABORTED"]);
    await ended(pair);
  });

  test("a path that is closed already is told at once", async () => {
    const [a, b] = await rawPair();
    a.destroy();
    b.on("error", () => {}).destroy();
    expect(await outcomes([dialing(a), accepting(b)])).toEqual(["LEKT_PATH", "LEKT_PATH"]);
  });

  test("once connected, neither time nor signal count", async () => {
    const [a, b] = await rawPair();
    const abort = new AbortController();
    const options = { timeoutMs: 5_000, signal: abort.signal };
    const [dialed, accepted] = await Promise.all([dialing(a, options), accepting(b, options)]);
    abort.abort();
    dialed.stream.end("still here");
    accepted.stream.setEncoding("utf8");
    const [text] = await once(accepted.stream, "data");
    expect(text).toBe("still here");
  });
});

/** Nothing stays open on the victim's side, and so nothing on the other. */
async function ended(pair: RawPair): Promise<void> {
  await Promise.race(pair.map(closeOf));
}
