import { type Duplex, duplexPair } from "node:stream";
import { type ConnectionMethod, type DialAttempt, LektError, type RawPath } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import {
  findPath,
  MAX_PATHS_AT_ONCE,
  MAX_PATHS_OF_ATTEMPT,
  type PathSearchOptions,
} from "../../src/peers/path-search.ts";
import { TraceRecorder } from "../../src/peers/path-trace.ts";

const PEER = "ab".repeat(32);

function pathOf(stream: Duplex, next?: RawPath<Duplex>["next"]): RawPath<Duplex> {
  return { stream, dialled: "here", local: "l:1", remote: "r:2", relayed: false, ...(next && { next }) };
}

/** A method whose dialling the test brings to its end. */
class Puppet implements ConnectionMethod<Duplex> {
  readonly name: string;
  readonly index = 40;
  readonly relayed: boolean;
  readonly attempts: DialAttempt[] = [];
  readonly #arrivals: ((path: RawPath<Duplex>) => void)[] = [];
  constructor(name: string, relayed = false) {
    this.name = name;
    this.relayed = relayed;
  }
  async start(): Promise<Uint8Array> {
    return new Uint8Array(0);
  }
  learned(): void {}
  obstacle(): undefined {}
  dial(attempt: DialAttempt): Promise<RawPath<Duplex>> {
    this.attempts.push(attempt);
    return new Promise((resolve) => this.#arrivals.push(resolve));
  }
  received(): void {}
  undeliverable(): void {}
  async close(): Promise<void> {}

  /** Its path is there. */
  arrive(stream: Duplex = duplexPair()[0], next?: RawPath<Duplex>["next"]): Duplex {
    const path = { ...pathOf(stream, next), relayed: this.relayed };
    for (const resolve of this.#arrivals.splice(0)) resolve(path);
    return stream;
  }
}

interface Search {
  readonly result: ReturnType<typeof findPath>;
  readonly trace: TraceRecorder;
  readonly open: Set<string>;
}

function search(methods: readonly Puppet[], options: Partial<PathSearchOptions> = {}): Search {
  const trace = new TraceRecorder(PEER, () => performance.now());
  const open = new Set<string>();
  const result = findPath({
    methods,
    peerText: "ada",
    target: () => ({ identity: PEER, address: undefined, payload: new Uint8Array(0) }),
    secure: async ({ stream }) => ({ stream, identity: new Uint8Array(32), label: "", roundTripMs: 1 }),
    trace,
    isContested: false,
    headStartMs: 10,
    graceMs: 30_000,
    proofMs: 30_000,
    timeoutMs: 30_000,
    signals: [],
    onAttempt: (id, isOver) => (isOver ? open.delete(id) : open.add(id)),
    ...options,
  });
  result.catch(() => {});
  return { result, trace, open };
}

async function dialling(...methods: Puppet[]): Promise<void> {
  await expect.poll(() => methods.every(({ attempts }) => attempts.length > 0)).toBe(true);
}

describe("a path that nobody needs is destroyed", () => {
  test("of a method that was beaten, and comes all the same", async () => {
    const [one, two] = [new Puppet("one"), new Puppet("two")];
    const { result, trace, open } = search([one, two]);
    await dialling(one, two);
    expect(open.size).toBe(2);
    const winner = two.arrive();
    expect((await result).raw.stream).toBe(winner);
    expect(one.attempts[0]?.signal.aborted).toBe(true);
    expect(open.size).toBe(0);
    const late = one.arrive();
    await expect.poll(() => late.destroyed).toBe(true);
    expect(winner.destroyed).toBe(false);
    expect(trace.attempts.map(({ outcome }) => outcome)).toEqual(["beaten", "won"]);
  });

  test("of one that waits for its turn when another wins", async () => {
    const [relay, direct] = [new Puppet("relay", true), new Puppet("direct")];
    const { result } = search([relay, direct]);
    await dialling(relay, direct);
    const waiting = relay.arrive();
    direct.arrive();
    expect((await result).method).toBe("direct");
    expect(waiting.destroyed).toBe(true);
  });

  test("of one that was being secured when the caller gave up", async () => {
    const controller = new AbortController();
    const one = new Puppet("one");
    let secured = (): void => {};
    const { result, open } = search([one], {
      signals: [controller.signal],
      secure: ({ stream }) =>
        new Promise((resolve) => {
          secured = () => resolve({ stream, identity: new Uint8Array(32), label: "", roundTripMs: 1 });
        }),
    });
    await dialling(one);
    const raw = one.arrive();
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    secured();
    await expect(result).rejects.toMatchObject({
      code: "LEKT_ABORTED",
      trace: { attempts: [{ outcome: "aborted" }] },
    });
    expect(raw.destroyed).toBe(true);
    expect(open.size).toBe(0);
  });
});

test("a path that breaks while it waits for its turn is a failed attempt, with its reason", async () => {
  const [relay, direct] = [new Puppet("relay", true), new Puppet("direct")];
  const { result, trace } = search([relay, direct]);
  await dialling(relay, direct);
  const waiting = relay.arrive();
  await new Promise((resolve) => setImmediate(resolve));
  waiting.destroy(new Error("The relay was stopped."));
  await expect
    .poll(() => trace.attempts.find(({ method }) => method === "relay")?.reason)
    .toBe("The relay was stopped.");
  direct.arrive();
  expect((await result).method).toBe("direct");
});

test("why securing failed is the reason, and not that the path was closed for it", async () => {
  const one = new Puppet("one");
  const { result } = search([one], {
    secure: async ({ stream }) => {
      stream.destroy();
      await new Promise((resolve) => stream.once("close", resolve));
      throw new LektError("LEKT_PEER_IDENTITY", "Somebody else.");
    },
  });
  await dialling(one);
  one.arrive();
  await expect(result).rejects.toMatchObject({
    code: "LEKT_PEER_IDENTITY",
    trace: { attempts: [{ reason: "Somebody else." }] },
  });
});

test("a peer that has refused is asked on no other path", async () => {
  const [one, two, three] = [new Puppet("one"), new Puppet("two"), new Puppet("three")];
  const { result, trace } = search([one, two, three], {
    headStartMs: 1_000_000,
    secure: async () => {
      throw new LektError("LEKT_PEER_REFUSED", "No.");
    },
  });
  await dialling(one);
  one.arrive();
  await expect(result).rejects.toMatchObject({ code: "LEKT_PEER_REFUSED" });
  expect(two.attempts.length + three.attempts.length).toBe(0);
  expect(trace.attempts.length).toBe(1);
});

describe("where several answer for one identity", () => {
  const wrong = async (): Promise<never> => {
    throw new LektError("LEKT_PEER_IDENTITY", "Somebody else.");
  };

  /** So many paths, of which the last one leads to the peer. */
  function chain(length: number): Duplex[] {
    return Array.from({ length }, () => duplexPair()[0]);
  }

  function nextOf([stream, ...rest]: readonly Duplex[]): RawPath<Duplex>["next"] {
    return Promise.resolve(stream && pathOf(stream, nextOf(rest)));
  }

  test("the next path is tried, and the trace has each", async () => {
    const one = new Puppet("one");
    const [first, second] = chain(2) as [Duplex, Duplex];
    const { result, trace, open } = search([one], {
      secure: ({ stream }) => {
        if (stream === first) return wrong();
        return Promise.resolve({ stream, identity: new Uint8Array(32), label: "", roundTripMs: 1 });
      },
    });
    await dialling(one);
    one.arrive(first, nextOf([second]));
    expect((await result).raw.stream).toBe(second);
    expect((await result).method).toBe("one");
    expect(first.destroyed).toBe(true);
    expect(one.attempts[0]?.signal.aborted).toBe(true);
    expect(open.size).toBe(0);
    expect(trace.attempts).toMatchObject([
      { method: "one", outcome: "failed", reason: "Somebody else." },
      { method: "one", outcome: "won" },
    ]);
    expect(new Set(trace.attempts.map(({ id }) => id)).size).toBe(1);
  });

  test("so many and no more are tried", async () => {
    for (const extra of [0, 1]) {
      const one = new Puppet("one");
      const streams = chain(MAX_PATHS_OF_ATTEMPT + extra);
      const { result, trace } = search([one], {
        secure: ({ stream }) => {
          if (stream !== streams.at(-1)) return wrong();
          return Promise.resolve({ stream, identity: new Uint8Array(32), label: "", roundTripMs: 1 });
        },
      });
      await dialling(one);
      one.arrive(streams[0], nextOf(streams.slice(1)));
      if (extra === 0) expect((await result).raw.stream).toBe(streams.at(-1));
      else await expect(result).rejects.toMatchObject({ code: "LEKT_PEER_IDENTITY" });
      expect(trace.attempts.length + trace.omitted).toBe(MAX_PATHS_OF_ATTEMPT);
      await expect.poll(() => streams.filter(({ destroyed }) => !destroyed).length).toBe(1 - extra);
    }
  });

  test("so many are there at once, and a further one takes another's place", async () => {
    const one = new Puppet("one");
    const streams = chain(MAX_PATHS_AT_ONCE + 4);
    const controller = new AbortController();
    const { result } = search([one], {
      secure: () => new Promise(() => {}),
      signals: [controller.signal],
    });
    await dialling(one);
    one.arrive(streams[0], nextOf(streams.slice(1)));
    await expect.poll(() => streams.filter(({ destroyed }) => destroyed).length).toBe(4);
    // Who is asked already stays.
    expect(streams[0]?.destroyed).toBe(false);
    controller.abort();
    await expect(result).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });

  test("what comes when it is over is destroyed", async () => {
    const one = new Puppet("one");
    const { result } = search([one]);
    await dialling(one);
    const late = chain(3);
    let arrive = (): void => {};
    const next = new Promise<RawPath<Duplex> | undefined>((resolve) => {
      arrive = () => resolve(pathOf(late[0] as Duplex, nextOf(late.slice(1))));
    });
    one.arrive(undefined, next);
    await result;
    arrive();
    await expect.poll(() => late.every(({ destroyed }) => destroyed)).toBe(true);
  });

  test("one that refuses does not speak for the others", async () => {
    const one = new Puppet("one");
    const [first, second] = chain(2) as [Duplex, Duplex];
    const { result } = search([one], {
      isContested: true,
      secure: async ({ stream }) => {
        if (stream === first) throw new LektError("LEKT_PEER_REFUSED", "No.");
        return { stream, identity: new Uint8Array(32), label: "", roundTripMs: 1 };
      },
    });
    await dialling(one);
    one.arrive(first, nextOf([second]));
    expect((await result).raw.stream).toBe(second);
  });

  test("preambles are sent one at a time, whoever has proven what", async () => {
    const [one, two] = [new Puppet("one"), new Puppet("two")];
    const turns: string[] = [];
    const { result } = search([one, two], {
      proofMs: 10,
      secure: async ({ stream }, _signal, turn) => {
        const name = stream === slow ? "slow" : "quick";
        if (name === "slow") await expect.poll(() => turns.length).toBe(1);
        await turn();
        turns.push(name);
        if (name === "slow") return { stream, identity: new Uint8Array(32), label: "", roundTripMs: 1 };
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(turns).toEqual(["quick"]);
        throw new LektError("LEKT_PATH", "It broke.");
      },
    });
    await dialling(one, two);
    const slow = one.arrive();
    two.arrive();
    expect((await result).raw.stream).toBe(slow);
    expect(turns).toEqual(["quick", "slow"]);
  });
});

test("when the time is over, whoever still runs has failed", async () => {
  const one = new Puppet("one");
  const { result } = search([one], { timeoutMs: 50 });
  await expect(result).rejects.toMatchObject({
    code: "LEKT_UNREACHABLE",
    message: expect.stringMatching(/within 0\.1 s: one: no path within the time/),
  });
  expect(one.attempts[0]?.signal.aborted).toBe(true);
});

test("a method that throws at once, and no LektError, has failed as others do", async () => {
  const one = new Puppet("one");
  one.dial = () => {
    throw new TypeError("a bug");
  };
  await expect(search([one]).result).rejects.toMatchObject({
    code: "LEKT_UNREACHABLE",
    trace: { attempts: [{ outcome: "failed", reason: "a bug" }] },
  });
});
