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
import { peerOf } from "../../src/peer.ts";
import { MAX_ATTEMPTS_OF_ONE_PEER } from "../../src/peers/attempt-gate.ts";
import { MethodBench } from "../../src/peers/method-bench.ts";
import { encodePeerSignal } from "../../src/peers/peer-signal.ts";

const OWN = new Uint8Array(32).fill(1);
const ADA = new Uint8Array(32).fill(2);
const BOB = new Uint8Array(32).fill(3);
const ATTEMPT = "0123456789abcdef";

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

/** Ada is in the roster. */
function attach(bench: MethodBench): Line {
  const line: Line = { sent: [], published: [], isUp: true };
  const methods = [
    { index: METHOD.identity, payload: ADA },
    { index: 40, payload: Uint8Array.of(7) },
  ];
  const ada = peerOf("1", { ip: 0xc0000201, methods }, false);
  bench.attach({
    peersWith: (identity) => (toHex(identity) === toHex(ADA) ? [ada] : []),
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
    bench.ownAttempt(ATTEMPT, toHex(ADA), false);
    bench.received(BOB, payloadOf(signalOf("one")));
    bench.received(ADA, payloadOf(signalOf("one")));
    bench.ownAttempt(ATTEMPT, toHex(ADA), true);
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
    bench.ownAttempt(ATTEMPT, toHex(ADA), false);
    bench.received(ADA, payloadOf(signalOf("one")));
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
