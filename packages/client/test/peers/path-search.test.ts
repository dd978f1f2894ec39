import { type Duplex, duplexPair } from "node:stream";
import { type ConnectionMethod, type DialAttempt, LektError, type RawPath } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { findPath, type PathSearchOptions } from "../../src/peers/path-search.ts";
import { TraceRecorder } from "../../src/peers/path-trace.ts";

const PEER = "ab".repeat(32);

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
  arrive(stream: Duplex = duplexPair()[0]): Duplex {
    const path = { stream, dialled: "here", local: "l:1", remote: "r:2", relayed: this.relayed } as const;
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
