import type { Duplex } from "node:stream";
import {
  type ConnectionMethod,
  encodeUtf8,
  MAX_SIGNAL_BYTES,
  METHOD,
  type MethodHost,
  type PeerSignal,
  SERVER_IDENTITY,
  toHex,
} from "@lekt/protocol";
import { describe, expect, test, vi } from "vitest";
import { type Peer, peerOf } from "../../src/peer.ts";
import { MAX_ATTEMPTS_OF_ONE_PEER } from "../../src/peers/attempt-gate.ts";
import { MAX_ENTRIES_OF_IDENTITY, MethodBench } from "../../src/peers/method-bench.ts";
import { encodePeerSignal } from "../../src/peers/peer-signal.ts";

const OWN = new Uint8Array(32).fill(1);
const ADA = new Uint8Array(32).fill(2);
const BOB = new Uint8Array(32).fill(3);
const ATTEMPT = "0123456789abcdef";
/** An own attempt, which is for Ada. */
const FOR_ADA = { peer: toHex(ADA), share: { sent: 0, reservedUntilMs: 0 } };

/** A method that notes what it is told. */
class Noting implements ConnectionMethod<Duplex> {
  readonly name: string;
  readonly index: number;
  readonly relayed = false;
  readonly told: string[] = [];
  host: MethodHost<Duplex> | undefined;
  constructor(name: string, index: number) {
    this.name = name;
    this.index = index;
  }
  async start(host: MethodHost<Duplex>): Promise<Uint8Array> {
    this.host = host;
    return Uint8Array.of(this.index);
  }
  learned(): void {}
  obstacle(): undefined {}
  async dial(): Promise<never> {
    throw new Error("it does not dial");
  }
  received(from: { identity: string; address: string | undefined }, { type, attempt }: PeerSignal): void {
    this.told.push(`${from.identity.slice(0, 2)} at ${from.address}: ${type} ${attempt}`);
  }
  undeliverable(to: string): void {
    this.told.push(`undeliverable to ${to.slice(0, 2)}`);
  }
  async close(): Promise<void> {
    this.told.push("closed");
  }
}

function benchWith(...methods: ConnectionMethod<Duplex>[]): MethodBench {
  return new MethodBench({ methods, identity: OWN, onAccepted: () => {} });
}

interface Line {
  readonly sent: [string, string][];
  readonly published: [number, number[]][];
  isUp: boolean;
}

/** An entry at 192.0.2.`number` that shows ada's identity. */
function adaAt(
  number: number,
  { payload = [7], stale = false }: { payload?: number[]; stale?: boolean } = {},
): Peer {
  const offered = payload.length > 0 ? [{ index: 40, payload: Uint8Array.from(payload) }] : [];
  const methods = [{ index: METHOD.identity, payload: ADA }, ...offered];
  return peerOf(`${number}`, { ip: 0xc0000200 + number, methods }, stale);
}

/** Ada is in the roster. */
function attach(bench: MethodBench, entries: readonly Peer[] = [adaAt(1)]): Line {
  const line: Line = { sent: [], published: [], isUp: true };
  bench.attach({
    peersWith: (identity) => (toHex(identity) === toHex(ADA) ? entries : []),
    signal: (to, payload) => {
      if (line.isUp) line.sent.push([toHex(to).slice(0, 2), new TextDecoder().decode(payload)]);
      return line.isUp;
    },
    publish: (index, payload) => line.published.push([index, [...payload]]),
  });
  return line;
}

function signalOf(method: string, attempt = ATTEMPT, more: object = {}): PeerSignal {
  return { v: 1, type: "offer", attempt, method, ...more };
}

const ANSWER: PeerSignal = { v: 1, type: "answer", attempt: ATTEMPT, method: "one" };

function payloadOf(signal: PeerSignal): Uint8Array {
  return encodePeerSignal(signal) as Uint8Array;
}

describe("signals", () => {
  test("go to the method that they are for, of peers in the roster or not", async () => {
    const [one, two] = [new Noting("one", 40), new Noting("two", 41)];
    const bench = benchWith(one, two);
    await bench.start();
    attach(bench);
    bench.received(ADA, payloadOf(signalOf("one")));
    bench.received(BOB, payloadOf(signalOf("two")));
    bench.received(BOB, payloadOf(signalOf("three")));
    bench.received(BOB, encodeUtf8("no JSON"));
    expect(one.told).toEqual([`02 at 192.0.2.1: offer ${ATTEMPT}`]);
    expect(two.told).toEqual([`03 at undefined: offer ${ATTEMPT}`]);
    expect(one.host?.peer(toHex(ADA))).toEqual({
      identity: toHex(ADA),
      address: "192.0.2.1",
      payload: Uint8Array.of(7),
    });
    expect(two.host?.peer(toHex(ADA))?.payload).toBe(undefined);
    expect(two.host?.peer(toHex(BOB))).toBe(undefined);
  });

  test("of an own attempt come from the peer that it is for, or from nobody", async () => {
    const one = new Noting("one", 40);
    const bench = benchWith(one);
    await bench.start();
    bench.ownAttempt(ATTEMPT, FOR_ADA, false);
    bench.received(BOB, payloadOf(ANSWER));
    bench.received(ADA, payloadOf(ANSWER));
    // The refusal of such an offer would reach the peer as one of the attempt.
    bench.received(ADA, payloadOf(signalOf("one")));
    bench.ownAttempt(ATTEMPT, FOR_ADA, true);
    bench.received(BOB, payloadOf(signalOf("one")));
    expect(one.told.map((line) => line.slice(0, 2))).toEqual(["02", "03"]);
  });

  test("of so many attempts of one peer; own attempts, and those that led to a path, count not", async () => {
    const one = new Noting("one", 40);
    const bench = benchWith(one);
    await bench.start();
    const attempts = Array.from({ length: MAX_ATTEMPTS_OF_ONE_PEER + 2 }, (_, i) => `${i}`.padStart(16, "0"));
    for (const attempt of attempts) bench.received(ADA, payloadOf(signalOf("one", attempt)));
    expect(one.told.length).toBe(MAX_ATTEMPTS_OF_ONE_PEER);
    const by = { identity: toHex(ADA), attempt: attempts[0] as string };
    one.host?.accepted({} as never, by);
    bench.ownAttempt(ATTEMPT, FOR_ADA, false);
    bench.received(ADA, payloadOf(ANSWER));
    bench.received(ADA, payloadOf(signalOf("one", attempts.at(-1))));
    bench.received(ADA, payloadOf(signalOf("one", attempts.at(-2))));
    expect(one.told.length).toBe(MAX_ATTEMPTS_OF_ONE_PEER + 2);
  });

  test("are sent; what comes back, is too long or cannot be sent now, is undeliverable", async () => {
    const one = new Noting("one", 40);
    const bench = benchWith(one);
    await bench.start();
    const line = attach(bench);
    one.host?.signal(toHex(ADA), signalOf("one"));
    expect(line.sent).toEqual([["02", JSON.stringify(signalOf("one"))]]);
    bench.received(ADA, new Uint8Array(0));
    expect(one.told.splice(0)).toEqual(["undeliverable to 02"]);
    one.host?.signal(toHex(BOB), signalOf("one", ATTEMPT, { pad: "x".repeat(MAX_SIGNAL_BYTES) }));
    // Never from within the method's own call.
    expect(one.told).toEqual([]);
    line.isUp = false;
    one.host?.signal(toHex(ADA), signalOf("one"));
    await vi.waitFor(() => expect(one.told).toEqual(["undeliverable to 03", "undeliverable to 02"]));
    expect(line.sent.length).toBe(1);
  });

  test("with the server's identity are answers about circuits", async () => {
    const one = new Noting("one", 40);
    const bench = benchWith(one);
    await bench.start();
    const line = attach(bench);
    const circuit = one.host?.circuit();
    expect(line.sent).toEqual([["00", '{"want":"circuit"}']]);
    const answer = { circuit: "ab".repeat(32), relay: "192.0.2.9:15358", expires: 1_800_000_000 };
    bench.received(SERVER_IDENTITY, encodeUtf8(JSON.stringify(answer)));
    expect(await circuit).toMatchObject({ relay: "192.0.2.9:15358" });
    const refused = one.host?.circuit();
    bench.received(SERVER_IDENTITY, new Uint8Array(0));
    await expect(refused).rejects.toMatchObject({ code: "LEKT_UNREACHABLE" });
    const lost = one.host?.circuit();
    bench.disconnected();
    await expect(lost).rejects.toThrow(/lost/);
    expect(one.told).toEqual([]);
  });
});

test("what a method publishes while it starts is newer than what it began with, and later goes to the room", async () => {
  const one = new Noting("one", 40);
  const bench = benchWith(one);
  const start = one.start.bind(one);
  one.start = (host) => {
    host.publish(Uint8Array.of(9));
    return start(host);
  };
  expect([...(await bench.start())]).toEqual([[40, Uint8Array.of(9)]]);
  const line = attach(bench);
  one.host?.publish(Uint8Array.of(10));
  expect(line.published).toEqual([[40, [10]]]);
});

test("where one method cannot start, what was opened is closed", async () => {
  const one = new Noting("one", 40);
  const broken = new Noting("broken", 41);
  broken.start = async () => {
    throw new Error("no socket");
  };
  await expect(benchWith(one, broken).start()).rejects.toThrow("no socket");
  expect(one.told).toEqual(["closed"]);
});

test("a method that was used before is refused, and stays where it is used", async () => {
  const one = new Noting("one", 40);
  const bench = benchWith(one);
  await bench.start();
  const again = expect(benchWith(new Noting("two", 41), one).start()).rejects;
  await again.toMatchObject({
    code: "LEKT_OPTION",
    message: expect.stringMatching(/a one that was used before: make them anew/),
  });
  expect(one.told).toEqual([]);
  await bench.close();
  await expect(benchWith(one).start()).rejects.toMatchObject({ code: "LEKT_OPTION" });
});

describe("where several show one identity", () => {
  const method = new Noting("one", 40);
  const ada = toHex(ADA);
  const addressesOf = (bench: MethodBench, wantedId?: string) => {
    const { address, others = [] } = bench.target(ada, method, wantedId);
    return [address, ...others.map((other) => other.address)].map((one) => one?.replace("192.0.2.", ""));
  };

  test("a method sees all, as they came; who was asked for first", () => {
    const bench = benchWith(method);
    attach(bench, [adaAt(1), adaAt(2), adaAt(3)]);
    expect(addressesOf(bench)).toEqual(["1", "2", "3"]);
    expect(addressesOf(bench, "2")).toEqual(["2", "1", "3"]);
    expect(addressesOf(bench, "gone")).toEqual(["1", "2", "3"]);
  });

  test("one alone has no others", () => {
    const bench = benchWith(method);
    attach(bench);
    expect(bench.target(ada, method)).not.toHaveProperty("others");
  });

  test("who does not offer the method stands behind who does, whoever was asked for", () => {
    const bench = benchWith(method);
    attach(bench, [adaAt(1, { payload: [] }), adaAt(2)]);
    expect(addressesOf(bench, "1")).toEqual(["2", "1"]);
  });

  test("who went stale counts only where nobody else is there, or where it was asked for", () => {
    const bench = benchWith(method);
    const stale = adaAt(1, { stale: true });
    attach(bench, [stale, adaAt(2)]);
    expect(addressesOf(bench)).toEqual(["2"]);
    expect(addressesOf(bench, "1")).toEqual(["1", "2"]);
    attach(bench, [stale]);
    expect(addressesOf(bench)).toEqual(["1"]);
  });

  test("so many and no more are tried", () => {
    const bench = benchWith(method);
    const all = Array.from({ length: MAX_ENTRIES_OF_IDENTITY + 1 }, (_, i) => adaAt(i + 1));
    attach(bench, all.slice(0, -1));
    expect(addressesOf(bench)).toEqual(["1", "2", "3", "4"]);
    attach(bench, all);
    expect(addressesOf(bench)).toEqual(["1", "2", "3", "4"]);
    expect(addressesOf(bench, "5")).toEqual(["5", "1", "2", "3"]);
  });

  test("who connects from the address of an entry is that one", () => {
    const bench = benchWith(method);
    attach(bench, [adaAt(1), adaAt(2)]);
    expect(bench.peer(ada, "192.0.2.2")?.id).toBe("2");
    expect(bench.peer(ada, "192.0.2.9")?.id).toBe("1");
    expect(bench.peer(ada)?.id).toBe("1");
  });
});
