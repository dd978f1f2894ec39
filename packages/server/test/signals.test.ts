import { encodeResponse, encodeSignal, encodeUtf8, METHOD, SERVER_IDENTITY, toHex } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import type { CircuitGrant, Services } from "../src/services.ts";
import type { Person } from "./person.ts";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

const OFFER = encodeUtf8("offer");
const ADA = new Uint8Array(32).fill(0xad);
const BOB = new Uint8Array(32).fill(0xb0);
/** The head of a signal. */
const HEAD_BYTES = 44;
const MAX_WAITING_BYTES = 65_536;

const takesSignals = (identity: Uint8Array, rest: Person = {}): Person => ({
  identity,
  signal: true,
  ...rest,
});

/** "ad: offer", by the first byte of the identity. */
function textsOf({ signals }: VirtualClient): string[] {
  return signals.map(
    ({ identity, payload }) => `${toHex(identity.subarray(0, 1))}: ${new TextDecoder().decode(payload)}`,
  );
}

function pair(rest: Person = {}): { server: VirtualServer; ada: VirtualClient; bob: VirtualClient } {
  const server = new VirtualServer();
  return { server, ada: server.join(takesSignals(ADA)), bob: server.join(takesSignals(BOB, rest)) };
}

/** Services that have circuits to give, and nothing else. */
function granting(grantCircuit: Services["grantCircuit"]): Services {
  return {
    grantCircuit,
    relaysHere: false,
    addressesFor: () => ({ relay: null, stun: [] }),
    relay: () => false,
  };
}

describe("a signal (spec 8.1)", () => {
  test("reaches who shows the identity, before any heartbeat, with the sender's identity", () => {
    const { ada, bob } = pair();
    ada.signal(BOB, OFFER);
    bob.signal(ADA, encodeUtf8("answer"));
    expect([textsOf(ada), textsOf(bob)]).toEqual([["b0: answer"], ["ad: offer"]]);
    expect(bob.replies).toEqual([]);
  });

  test("reaches every other client with the identity, watchers too, and not its sender", () => {
    const server = new VirtualServer();
    const ada = server.join(takesSignals(BOB));
    const others = [{}, { watch: true }].map((rest) => server.join(takesSignals(BOB, rest)));
    ada.signal(BOB, OFFER);
    expect(textsOf(ada)).toEqual([]);
    expect(others.map(textsOf)).toEqual([["b0: offer"], ["b0: offer"]]);
  });

  test("stays within its network, and goes to those alone who set signal", () => {
    const server = new VirtualServer();
    const ada = server.join(takesSignals(ADA));
    const elsewhere = server.join(takesSignals(BOB, { network: "elsewhere" }));
    const deaf = server.join({ identity: BOB });
    ada.signal(BOB, OFFER);
    expect(textsOf(ada)).toEqual(["b0: "]);
    expect([...textsOf(elsewhere), ...textsOf(deaf)]).toEqual([]);
  });

  test("comes back where nobody shows the identity, nobody but the sender, or nobody any more", () => {
    const { ada, bob } = pair();
    bob.halfClose();
    for (const to of [new Uint8Array(32).fill(1), ADA, BOB]) ada.signal(to, OFFER);
    expect(textsOf(ada)).toEqual(["01: ", "ad: ", "b0: "]);
  });

  test("goes by the identity that was shown last", () => {
    const server = new VirtualServer();
    const ada = server.join(takesSignals(ADA));
    const bob = server.join(takesSignals(new Uint8Array(32).fill(1), { update: true, watch: true }));
    bob.send(encodeResponse(METHOD.identity, BOB), encodeSignal(ADA, OFFER));
    ada.signal(new Uint8Array(32).fill(1), OFFER);
    ada.signal(BOB, OFFER);
    expect(textsOf(ada)).toEqual(["b0: offer", "01: "]);
    expect(textsOf(bob)).toEqual(["ad: offer"]);
  });

  test("goes out together with others that came in the same piece", () => {
    const { ada, bob } = pair();
    const { length } = bob.link.writes;
    ada.send(...Array.from({ length: 100 }, () => encodeSignal(BOB, OFFER)));
    expect(bob.link.writes).toHaveLength(length + 1);
    // 80 KiB at once are more than may wait, but this reader takes them.
    ada.send(...Array.from({ length: 5 }, () => encodeSignal(BOB, new Uint8Array(16_384))));
    expect([bob.signals.length, ada.signals.length]).toEqual([105, 0]);
  });

  test("of who is refused in the same piece still goes out", () => {
    const { ada, bob } = pair();
    ada.send(encodeSignal(BOB, OFFER), encodeSignal(new Uint8Array(32).fill(1), OFFER), encodeUtf8("LEKX"));
    expect(ada.rejected?.word).toBe("malformed");
    expect(textsOf(bob)).toEqual(["ad: offer"]);
  });
});

describe("the identity of the server (spec 8.1.6)", () => {
  const WANT = encodeUtf8('{"want":"circuit"}');
  const circuit: CircuitGrant = {
    circuit: "1f".repeat(32),
    relay: "192.0.2.9:15358",
    expires: 1_774_483_260,
  };

  test("answers who wants a circuit, and knows whose link that is", () => {
    const server = new VirtualServer(
      {},
      { services: granting(({ address }) => (address === "10.0.0.9" ? circuit : undefined)) },
    );
    const ada = server.join(takesSignals(ADA), "10.0.0.9");
    const bob = server.join(takesSignals(BOB), "10.0.0.8");
    for (const client of [ada, bob]) client.signal(SERVER_IDENTITY, WANT);
    expect(textsOf(ada)).toEqual([`00: ${JSON.stringify(circuit)}`]);
    expect(textsOf(bob)).toEqual(["00: "]);
  });

  test.each([
    "{}",
    "null",
    "7",
    "[",
    '"circuit"',
    '{"want":"tea"}',
    '{"want":["circuit"]}',
    "[".repeat(16_384),
    "\xff",
  ])("gives back what it does not know: %#", (text) => {
    const server = new VirtualServer({}, { services: granting(() => circuit) });
    const ada = server.join(takesSignals(ADA));
    ada.signal(SERVER_IDENTITY, Buffer.from(text, "latin1"));
    expect(textsOf(ada)).toEqual(["00: "]);
  });

  test("is nobody else's: who shows it is not reached, does not speak in its name, and gets nothing of it", () => {
    const server = new VirtualServer({}, { services: granting(() => circuit) });
    const ada = server.join(takesSignals(ADA));
    const impostor = server.join(takesSignals(SERVER_IDENTITY));
    impostor.signal(ADA, OFFER);
    impostor.signal(SERVER_IDENTITY, WANT);
    ada.signal(SERVER_IDENTITY, OFFER);
    expect(textsOf(impostor)).toEqual(["ad: ", "00: "]);
    expect(textsOf(ada)).toEqual(["00: "]);
  });
});

describe("the rate (spec 8.1.5)", () => {
  test("what is over 200 at once comes back, in its order, and what is in time goes on", () => {
    const { server, ada, bob } = pair();
    ada.send(...Array.from({ length: 202 }, (_, i) => encodeSignal(BOB, Uint8Array.of(i % 200))));
    expect(bob.signals.map(({ payload }) => payload[0])).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(textsOf(ada)).toEqual(["b0: ", "b0: "]);
    server.advance(20);
    ada.signal(BOB, OFFER);
    expect(bob.signals).toHaveLength(201);
  });

  test("counts every client that a signal goes to", () => {
    const server = new VirtualServer();
    const ada = server.join(takesSignals(ADA));
    for (let i = 0; i < 50; i++) server.join(takesSignals(BOB));
    ada.send(...Array.from({ length: 5 }, () => encodeSignal(BOB, OFFER)));
    expect(textsOf(ada)).toEqual(["b0: "]);
  });

  test("a flood costs few writes, and no more than 64 KiB wait for who does not read", () => {
    const { server, ada } = pair();
    const flood = Array.from({ length: 2_000 }, () => encodeSignal(new Uint8Array(32).fill(1), OFFER));
    const { writes } = ada.link;
    const before = writes.length;
    ada.send(...flood);
    expect(writes.length - before).toBeLessThan(10);
    ada.link.stopReading();
    for (let i = 0; i < 2; i++) {
      server.advance(4_000);
      ada.send(...flood);
    }
    expect(ada.link.destroyed).toBe(false);
    expect(ada.link.waitingBytes).toBeLessThanOrEqual(32_768);
    const came = ada.signals.length;
    ada.link.readOn();
    expect((ada.signals.length - came) * HEAD_BYTES).toBeLessThanOrEqual(32_768 + MAX_WAITING_BYTES);
  });
});

describe("a receiver that does not read", () => {
  /** Bob's link is full: a reply waits that is not whole. */
  function blocked() {
    const { server, ada, bob } = pair();
    bob.link.stopReading();
    bob.beat();
    server.settle();
    expect(bob.link.waitingBytes).toBeGreaterThan(0);
    return { server, ada, bob };
  }

  test("64 KiB of whole packets wait for it, one byte more comes back", () => {
    const { ada, bob } = blocked();
    const quarter = new Uint8Array(MAX_WAITING_BYTES / 4 - HEAD_BYTES);
    for (let i = 0; i < 3; i++) ada.signal(BOB, quarter);
    ada.signal(BOB, new Uint8Array(quarter.length + 1));
    expect(textsOf(ada)).toEqual(["b0: "]);
    ada.signal(BOB, quarter);
    ada.signal(BOB, Uint8Array.of(1));
    expect(textsOf(ada)).toEqual(["b0: ", "b0: "]);
    bob.link.readOn();
    expect(bob.signals.map(({ payload }) => payload.length)).toEqual(Array(4).fill(quarter.length));
    ada.signal(BOB, OFFER);
    expect(bob.signals).toHaveLength(5);
  });

  test("is told nothing when it has left, and holds nobody up", () => {
    const { ada, bob } = blocked();
    ada.signal(BOB, OFFER);
    bob.halfClose();
    bob.link.readOn();
    expect(textsOf(bob)).toEqual([]);
    ada.signal(BOB, OFFER);
    expect(textsOf(ada)).toEqual(["b0: "]);
  });

  test("is dropped after 10 s where signals alone wait, as where a reply does", () => {
    const { server, ada, bob } = pair();
    bob.link.stopReading();
    ada.signal(BOB, OFFER);
    server.advance(9_950);
    expect(bob.link.destroyed).toBe(false);
    server.advance(100);
    expect(bob.link.destroyed).toBe(true);
  });

  test("is not dropped where it reads in time, and then is silent no longer than others", () => {
    const { server, ada, bob } = pair();
    bob.link.stopReading();
    ada.signal(BOB, OFFER);
    server.advance(9_000);
    bob.link.readOn();
    server.advance(20_900);
    expect(bob.rejected).toBeUndefined();
    server.advance(200);
    expect(bob.rejected?.word).toBe("timeout");
  });

  test("cannot be silent for longer because signals come all the time", () => {
    const { server, ada, bob } = pair();
    for (let ms = 0; ms < 31_000; ms += 500) {
      ada.beat();
      bob.link.stopReading();
      for (let i = 0; i < 4; i++) ada.signal(BOB, new Uint8Array(8_000));
      server.advance(500);
      bob.link.readOn();
    }
    expect(bob.rejected?.word).toBe("timeout");
  });
});

describe("signals and replies", () => {
  test("a signal does not end a held reply, nor wait for it", () => {
    const { server, ada, bob } = pair({ holdMs: 25_000 });
    for (const client of [ada, bob]) client.beat();
    server.settle();
    bob.beat();
    ada.signal(BOB, OFFER);
    server.advance(10_000);
    expect(textsOf(bob)).toEqual(["ad: offer"]);
    expect(bob.replies).toHaveLength(1);
    server.advance(15_100);
    expect(bob.replies).toHaveLength(2);
  });

  test("a held reply goes out though signals waited when its time came", () => {
    const { server, ada, bob } = pair({ holdMs: 5_000 });
    bob.beat();
    server.settle();
    bob.beat();
    server.advance(4_000);
    bob.link.stopReading();
    ada.signal(BOB, OFFER);
    server.advance(3_000);
    bob.link.readOn();
    server.settle();
    expect(bob.replies).toHaveLength(2);
  });

  /** A newcomer that has some of a roster of 200 KB, and signals besides. */
  function newcomer() {
    const server = new VirtualServer({ heartbeatIntervalMs: 100_000 });
    for (let i = 0; i < 100; i++) server.join({ name: `c${i}`, bulkBytes: 2_000 });
    server.settle();
    const ada = server.join(takesSignals(ADA));
    const bob = server.join(takesSignals(BOB));
    bob.link.stopReading();
    bob.beat();
    server.settle();
    return { server, ada, bob };
  }

  test("a signal comes between the packets of a reply, and long before its end", () => {
    const { ada, bob } = newcomer();
    ada.signal(BOB, OFFER);
    expect(textsOf(bob)).toEqual([]);
    while (bob.signals.length === 0) bob.link.read(1_000);
    expect(bob.link.receivedBytes).toBeLessThan(70_000);
    expect(bob.replies).toEqual([]);
    bob.link.readOn();
    expect(bob.replies[0]).toHaveLength(102);
  });

  test("signals that never end do not keep a reply from a slow reader, nor the reply them", () => {
    const { server, ada, bob } = newcomer();
    let rounds = 0;
    for (; bob.replies.length === 0 && rounds < 200; rounds++) {
      for (let i = 0; i < 3; i++) ada.signal(BOB, new Uint8Array(16_000));
      bob.link.read(40_000);
      server.advance(100);
    }
    // 200 KB of roster, and about as much of signals.
    expect(bob.link.receivedBytes).toBeLessThan(600_000);
    expect(bob.signals.length).toBeGreaterThan(5);
    expect(bob.replies[0]).toHaveLength(102);
  });

  test("nor a short one", () => {
    const { server, ada, bob } = pair();
    bob.link.stopReading();
    for (let i = 0; i < 5; i++) ada.signal(BOB, new Uint8Array(16_000));
    bob.beat();
    for (let rounds = 0; bob.replies.length === 0 && rounds < 10; rounds++) {
      ada.signal(BOB, new Uint8Array(16_000));
      ada.signal(BOB, new Uint8Array(16_000));
      bob.link.read(32_768);
      server.advance(100);
    }
    expect(bob.replies).toHaveLength(1);
  });
});
