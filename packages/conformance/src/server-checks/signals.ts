import {
  encodeResponse,
  encodeSignal,
  METHOD,
  SERVER_IDENTITY,
  type SignalPacket,
  toHex,
} from "@lekt/protocol";
import { Failed } from "../check.ts";
import type { Guest } from "../guest.ts";
import type { Line } from "../line.ts";
import { bytesOf, rawSignalHead, u32 } from "../raw-packets.ts";
import { QUIET_MS, type ServerBench, type ServerCheck } from "../server-bench.ts";
import { packetWords, type WholePacket } from "../server-packets.ts";

const NONE = new Uint8Array(0);
const OFFER = bytesOf("offer");
const MAX_BYTES = 16_384;
const needs = [METHOD.tcp, METHOD.identity, METHOD.signal];

/** Identities of this check's clients: all bytes the same. */
const identity = (byte: number) => new Uint8Array(32).fill(byte);
export const ADA = identity(0xad);
const BOB = identity(0xb0);
const NOBODY = identity(0x99);

/** A client that takes signals, in the heartbeat phase. */
export function signalling(
  bench: ServerBench,
  own: Uint8Array,
  extras: Iterable<readonly [number, Uint8Array]> = [],
): Promise<Guest> {
  return bench.member(4_001, [[METHOD.identity, own], [METHOD.signal, NONE], ...extras]);
}

/** The next packet, which must be this signal. */
async function mustCome(line: Line, from: Uint8Array, payload: Uint8Array, why: string): Promise<void> {
  const expected = `a Signal with the identity ${toHex(from.subarray(0, 4))}… and ${payload.length} bytes (${why})`;
  const packet = await line.next(expected);
  const isRight =
    packet.type === "signal" &&
    toHex(packet.identity) === toHex(from) &&
    toHex(packet.payload) === toHex(payload);
  if (!isRight) throw new Failed(expected, packetWords(packet));
}

export const signalChecks: readonly ServerCheck[] = [
  {
    id: "payload-signal",
    clauses: ["methods 24"],
    rule: "The payload of `signal` is empty; anything else is `malformed`.",
    level: "must",
    needs: [...needs, METHOD.network],
    run: async (bench) => {
      await signalling(bench, ADA);
      const line = await bench.connect();
      await line.greet(METHOD.signal, [METHOD.network, METHOD.identity, METHOD.signal]);
      const answers = [
        [METHOD.network, bench.network],
        [METHOD.identity, ADA],
        [METHOD.signal, Uint8Array.of(0)],
      ] as const;
      for (const [method, payload] of answers) {
        await line.request(method);
        line.send(encodeResponse(method, payload));
      }
      await line.reject("malformed", "a payload of one byte");
    },
  },
  {
    id: "signal-unset",
    clauses: ["8.1.1", "1.5.1"],
    rule: "A signal of a client that did not set `signal` and `identity` is `malformed`.",
    level: "must",
    needs,
    run: async (bench) => {
      for (const set of [[METHOD.identity, ADA] as const, [METHOD.signal, NONE] as const]) {
        const { line, asked } = await bench.member(4_001, [set]);
        if (asked.includes(METHOD.signal)) throw new Failed("no Request 24 without `identity`", "Request 24");
        line.send(encodeSignal(BOB, OFFER));
        await line.reject("malformed", "the client did not set both");
      }
    },
  },
  {
    id: "signal",
    clauses: ["8.1.1", "8.1.2", "8.1.3", "8.1.8"],
    rule: "A signal reaches the client that shows its identity, with the sender's identity, before the first Heartbeat of either.",
    level: "must",
    needs,
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const bob = await signalling(bench, BOB);
      ada.line.send(encodeSignal(BOB, OFFER));
      await mustCome(bob.line, ADA, OFFER, "of the other client");
      bob.line.send(encodeSignal(ADA, Uint8Array.of(0)), encodeSignal(ADA, OFFER));
      await mustCome(ada.line, BOB, Uint8Array.of(0), "the first of two");
      await mustCome(ada.line, BOB, OFFER, "the second of two");
    },
  },
  {
    id: "signal-everybody",
    clauses: ["8.1.3"],
    rule: "A signal reaches every other client with that identity, and not its sender.",
    level: "must",
    needs,
    run: async (bench) => {
      const [first, second, third] = [
        await signalling(bench, ADA),
        await signalling(bench, ADA),
        await signalling(bench, ADA),
      ];
      first.line.send(encodeSignal(ADA, OFFER));
      await mustCome(second.line, ADA, OFFER, "the same identity");
      await mustCome(third.line, ADA, OFFER, "the same identity");
      await first.line.quiet("nothing for the sender itself", QUIET_MS);
    },
  },
  {
    id: "signal-back",
    clauses: ["8.1.4"],
    rule: "A signal that reaches nobody comes back with a length of 0.",
    level: "must",
    needs,
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      for (const [to, why] of [
        [NOBODY, "nobody shows that identity"],
        [ADA, "its sender alone shows that identity"],
      ] as const) {
        ada.line.send(encodeSignal(to, OFFER));
        await mustCome(ada.line, to, NONE, why);
      }
    },
  },
  {
    id: "signal-deaf",
    clauses: ["8.1.3", "8.1.4"],
    rule: "A client that did not set `signal` gets none: it comes back.",
    level: "must",
    needs,
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const bob = await bench.member(4_002, [[METHOD.identity, BOB]]);
      ada.line.send(encodeSignal(BOB, OFFER));
      await mustCome(ada.line, BOB, NONE, "who shows that identity did not set `signal`");
      await bob.line.quiet("nothing for a client without `signal`", QUIET_MS);
    },
  },
  {
    id: "signal-networks",
    clauses: ["8.1.3"],
    rule: "A signal stays within its network.",
    level: "must",
    needs: [...needs, METHOD.network],
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const elsewhere = bytesOf(bench.network, "-2");
      const bob = await signalling(bench, BOB, [[METHOD.network, elsewhere]]);
      ada.line.send(encodeSignal(BOB, OFFER));
      await mustCome(ada.line, BOB, NONE, "who shows that identity is in another network");
      await bob.line.quiet("nothing from another network", QUIET_MS);
    },
  },
  {
    id: "signal-watching",
    clauses: ["8.1.3"],
    rule: "A client with `watch` sends and gets signals like others.",
    level: "must",
    needs: [...needs, METHOD.watch],
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const watcher = await signalling(bench, BOB, [[METHOD.watch, NONE]]);
      watcher.line.send(encodeSignal(ADA, OFFER));
      await mustCome(ada.line, BOB, OFFER, "of a watcher");
      ada.line.send(encodeSignal(BOB, OFFER));
      await mustCome(watcher.line, ADA, OFFER, "for a watcher");
    },
  },
  {
    id: "signal-update",
    clauses: ["8.1.3", "4.10.1"],
    rule: "Who replaced its `identity` is reached by the new one, and no more by the old one.",
    level: "must",
    needs: [...needs, METHOD.update],
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const bob = await signalling(bench, NOBODY, [[METHOD.update, NONE]]);
      bob.answer(METHOD.identity, BOB);
      bob.line.send(encodeSignal(ADA, OFFER));
      await mustCome(ada.line, BOB, OFFER, "from the new identity");
      ada.line.send(encodeSignal(NOBODY, OFFER), encodeSignal(BOB, OFFER));
      await mustCome(ada.line, NOBODY, NONE, "the old identity is shown no more");
      await mustCome(bob.line, ADA, OFFER, "to the new identity");
    },
  },
  {
    id: "signal-length",
    clauses: ["8.1.2", "1.4.3"],
    rule: "A signal has 1 to 16,384 bytes: a length of 0 is `malformed`, a longer one `limit`, when it is read.",
    level: "must",
    needs,
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const bob = await signalling(bench, BOB);
      const longest = new Uint8Array(MAX_BYTES).fill(7);
      ada.line.send(encodeSignal(BOB, longest));
      await mustCome(bob.line, ADA, longest, "the longest one");
      ada.line.send(rawSignalHead(BOB, MAX_BYTES + 1));
      await ada.line.reject("limit", "a signal of 16,385 bytes");
      bob.line.send(rawSignalHead(ADA, 0));
      await bob.line.reject("malformed", "a signal without a payload");
    },
  },
  {
    id: "signal-rate",
    clauses: ["8.1.5", "8.1.4"],
    rule: "A client may send 200 signals at once, and 50 a second on average (by default); what is over that comes back.",
    level: "should",
    needs,
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const bob = await signalling(bench, BOB);
      // More than the burst and what is allowed in three seconds besides.
      const sent = 400;
      const signal = encodeSignal(BOB, Uint8Array.of(1));
      ada.line.send(bytesOf(...Array.from({ length: sent }, () => signal)));
      const returned = await signalsUntilQuiet(ada.line);
      const delivered = await signalsUntilQuiet(bob.line);
      const got = `${delivered.length} delivered, ${returned.length} returned`;
      const isRight =
        delivered.length >= 200 && returned.length > 0 && delivered.length + returned.length === sent;
      if (!isRight) throw new Failed(`at least 200 of ${sent} delivered and the rest returned`, got);
      if (returned.some(({ payload }) => payload.length > 0))
        throw new Failed("what comes back without a payload", got);
    },
  },
  {
    id: "signal-hold",
    clauses: ["8.1.8", "5.17.3"],
    rule: "A signal neither waits for a held reply nor ends it.",
    level: "must",
    needs: [...needs, METHOD.hold],
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const bob = await signalling(bench, BOB, [[METHOD.hold, u32(25_000)]]);
      await bob.beat("the first reply, which is not held");
      bob.line.heartbeat();
      ada.line.send(encodeSignal(BOB, OFFER));
      await mustCome(bob.line, ADA, OFFER, "while a reply is held");
      await bob.line.quiet("nothing more: the reply is held", QUIET_MS);
      bob.line.send(encodeSignal(ADA, OFFER));
      await mustCome(ada.line, BOB, OFFER, "from a client whose reply is held");
      await bob.line.quiet("nothing more: a signal is no Heartbeat", QUIET_MS);
    },
  },
  {
    id: "signal-server",
    clauses: ["8.1.6", "8.1.7"],
    rule: "A signal to the identity of zeros is for the server, which answers a wish for a circuit, and returns what it does not know.",
    level: "must",
    needs,
    run: async (bench) => {
      const ada = await signalling(bench, ADA);
      const impostor = await signalling(bench, SERVER_IDENTITY);
      for (const unknown of ['{"want":"tea"}', "no JSON", "null", "[1]"]) {
        ada.line.send(encodeSignal(SERVER_IDENTITY, bytesOf(unknown)));
        await mustCome(ada.line, SERVER_IDENTITY, NONE, `the server does not know ${unknown}`);
      }
      ada.line.send(encodeSignal(SERVER_IDENTITY, bytesOf('{"want":"circuit"}')));
      circuitIn(await ada.line.next("a circuit, or the signal back"));
      impostor.line.send(encodeSignal(ADA, OFFER));
      await mustCome(impostor.line, ADA, NONE, "nobody speaks in the name of the server");
      await ada.line.quiet("nothing in the name of the server", QUIET_MS);
    },
  },
];

/** The circuit in the server's answer (spec 8.1.7); undefined where the wish came back. @throws Failed */
export function circuitIn(packet: WholePacket): { token: string; relay: string } | undefined {
  const expected = 'a Signal from the server: {"circuit": …, "relay": …, "expires": …}, or empty';
  if (packet.type !== "signal" || toHex(packet.identity) !== toHex(SERVER_IDENTITY)) {
    throw new Failed(expected, packetWords(packet));
  }
  if (packet.payload.length === 0) return undefined;
  const text = new TextDecoder().decode(packet.payload);
  try {
    const { circuit, relay, expires } = JSON.parse(text);
    if (/^[0-9a-f]{64}$/i.test(circuit) && /:\d+$/.test(relay) && Number.isInteger(expires))
      return { token: circuit, relay };
  } catch {
    // Said below.
  }
  throw new Failed(expected, JSON.stringify(text.slice(0, 200)));
}

async function signalsUntilQuiet(line: Line): Promise<SignalPacket[]> {
  const signals: SignalPacket[] = [];
  for (;;) {
    const packet = await line.poll(signals.length === 0 ? line.patienceMs : QUIET_MS);
    if (!packet) return signals;
    if (packet.type !== "signal") throw new Failed("signals alone", packetWords(packet));
    signals.push(packet);
  }
}
