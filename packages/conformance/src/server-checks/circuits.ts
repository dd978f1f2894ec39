import { setTimeout as sleep } from "node:timers/promises";
import { encodeCircuit, encodeSignal, fromHex, METHOD, SERVER_IDENTITY } from "@lekt/protocol";
import { Failed, Skipped } from "../check.ts";
import type { CircuitEnd } from "../circuit-end.ts";
import { namedService, type ServiceAddress } from "../named-service.ts";
import { bytesOf } from "../raw-packets.ts";
import { QUIET_MS, type ServerBench, type ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";
import { ADA, circuitIn, signalling } from "./signals.ts";

/** Nobody's: its proof is right under no key that anybody will find. */
const FORGED = new Uint8Array(32).fill(0xff);
const EXPECTED = 'a Reject "auth" (nobody made this token), or "malformed"';
/** So long a connection waits for the other one (spec 8.2.6). */
const LONELY_MS = 10_000;
const LATE_MS = 1_000;
const needs = [METHOD.identity, METHOD.signal];

interface Circuit {
  readonly relay: ServiceAddress;
  readonly token: Uint8Array;
}

/** A token, as a client gets one (spec 8.1.7). @throws Skipped where the server gives none. */
async function circuitOf(bench: ServerBench): Promise<Circuit> {
  const { line } = await signalling(bench, ADA);
  line.send(encodeSignal(SERVER_IDENTITY, bytesOf('{"want":"circuit"}')));
  const circuit = circuitIn(await line.next("a circuit, or the signal back"));
  if (!circuit) throw new Skipped("the server gives no circuits");
  return { relay: await namedService(circuit.relay, line), token: fromHex(circuit.token) as Uint8Array };
}

/** Both ends of a circuit, each with its Accept. */
async function pairAt(bench: ServerBench, { relay, token }: Circuit): Promise<[CircuitEnd, CircuitEnd]> {
  const ends = [await bench.circuitEnd(relay, token), await bench.circuitEnd(relay, token)] as const;
  for (const end of ends) await end.accepted("two connections came with the token");
  return [...ends];
}

async function mustRefuse(bench: ServerBench, { relay, token }: Circuit, why: string): Promise<void> {
  const line = await bench.connect(relay.host, relay.port);
  line.send(encodeCircuit(token));
  await line.reject("auth", why);
}

/** A connection shows a token and is gone after so long; two others come with it. */
async function afterOneIsGone(bench: ServerBench, goneMs: number): Promise<void> {
  const circuit = await circuitOf(bench);
  const gone = await bench.circuitEnd(circuit.relay, circuit.token);
  await sleep(goneMs);
  gone.socket.resetAndDestroy();
  await sleep(goneMs);
  const [ada, bob] = await pairAt(bench, circuit);
  ada.say("you are not that one");
  await bob.hears("you are not that one", "a connection that came before is gone");
}

function flipped(token: Uint8Array, at: number): Uint8Array {
  return token.map((byte, i) => (i === at ? byte ^ 1 : byte));
}

export const circuitChecks: readonly ServerCheck[] = [
  {
    id: "circuit-forged",
    clauses: ["8.2.6"],
    rule: "A Circuit whose token the server did not give gets a Reject `auth`; one that knows no circuits says `malformed`.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(encodeCircuit(FORGED));
      const packet = await line.next(EXPECTED);
      const isRight = packet.type === "reject" && ["auth", "malformed"].includes(packet.word);
      if (!isRight) throw new Failed(EXPECTED, packetWords(packet));
    },
  },
  {
    id: "circuit-late",
    clauses: ["8.2.3"],
    rule: "A Circuit that is not the first packet is `malformed`.",
    level: "must",
    run: async (bench) => {
      const guest = await bench.member(4_001);
      guest.line.send(encodeCircuit(FORGED));
      await guest.line.reject("malformed", "a Circuit in the heartbeat phase");
    },
  },
  {
    id: "circuit-pair",
    clauses: ["8.2.1", "8.2.3", "8.2.4"],
    rule: "Two connections with the same token each get an Accept, and then the bytes of the other one, also those that came before.",
    level: "must",
    needs,
    run: async (bench) => {
      const { relay, token } = await circuitOf(bench);
      const ada = await bench.circuitEnd(relay, token, "early");
      const bob = await bench.circuitEnd(relay, token, "at once");
      await ada.accepted("it came first");
      await bob.accepted("it came second");
      await bob.hears("early", "sent behind the token, before the second connection came");
      await ada.hears("at once", "sent behind the token of the second connection");
      for (const [from, to] of [
        [ada, bob],
        [bob, ada],
      ] as const) {
        from.say("LEKT, or any bytes");
        await to.hears("LEKT, or any bytes", "sent after the Accept");
      }
    },
  },
  {
    id: "circuit-half-close",
    clauses: ["8.2.5"],
    rule: "The end of one direction of a circuit is passed on, and leaves the other one open.",
    level: "must",
    needs,
    run: async (bench) => {
      const [ada, bob] = await pairAt(bench, await circuitOf(bench));
      ada.socket.end("the last words");
      await bob.hears("the last words", "sent before the end");
      await bob.hearsEnd("the first connection has ended its direction");
      bob.say("I hear you");
      await ada.hears("I hear you", "only the other direction has ended");
      bob.socket.end();
      await ada.hearsEnd("the second connection has ended its direction, too");
    },
  },
  {
    id: "circuit-break",
    clauses: ["8.2.5"],
    rule: "A connection that breaks breaks the other one of its circuit.",
    level: "must",
    needs,
    run: async (bench) => {
      const [ada, bob] = await pairAt(bench, await circuitOf(bench));
      ada.socket.resetAndDestroy();
      await bob.hearsEnd("the other connection was reset");
    },
  },
  {
    id: "circuit-third",
    clauses: ["8.2.6"],
    rule: "A token with which two connections came is refused with `auth`, and the two are not disturbed.",
    level: "must",
    needs,
    run: async (bench) => {
      const circuit = await circuitOf(bench);
      const [ada, bob] = await pairAt(bench, circuit);
      await mustRefuse(bench, circuit, "two connections came with this token already");
      ada.say("still here");
      await bob.hears("still here", "a third connection was refused");
    },
  },
  {
    id: "circuit-altered",
    clauses: ["8.2.2", "8.2.6"],
    rule: "A token of which one bit was changed is refused with `auth`.",
    level: "must",
    needs,
    run: async (bench) => {
      const { relay, token } = await circuitOf(bench);
      for (const [at, part] of [
        [3, "expiry"],
        [4, "random bytes"],
        [31, "proof"],
      ] as const) {
        await mustRefuse(bench, { relay, token: flipped(token, at) }, `one bit of the ${part} is another`);
      }
    },
  },
  {
    id: "circuit-gone",
    clauses: ["8.2.6"],
    rule: "A connection that is gone before it has a partner leaves its token as if it had not come.",
    level: "must",
    needs,
    run: async (bench) => {
      // A relay that reads late cannot tell the break from an end of the connection's own bytes.
      await afterOneIsGone(bench, QUIET_MS).catch(() => afterOneIsGone(bench, LATE_MS));
    },
  },
  {
    id: "circuit-lonely",
    clauses: ["8.2.6"],
    rule: "A connection to whose token nobody else comes is refused with `timeout` after 10 s, and not before.",
    level: "should",
    slow: true,
    needs,
    run: async (bench) => {
      const { relay, token } = await circuitOf(bench);
      const line = await bench.connect(relay.host, relay.port);
      const startMs = performance.now();
      line.send(encodeCircuit(token));
      await line.reject("timeout", "nobody else came with the token", LONELY_MS + 5_000);
      const tookMs = performance.now() - startMs;
      if (tookMs < LONELY_MS * 0.9 - 100)
        throw new Failed(`at least ${LONELY_MS} ms`, `a Reject after ${Math.round(tookMs)} ms`);
    },
  },
];
