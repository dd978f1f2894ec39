import { randomBytes } from "node:crypto";
import { type ClientObject, encodeSignal, METHOD, SERVER_IDENTITY, toHex } from "@lekt/protocol";
import { Failed } from "../check.ts";
import type { ClientBench, ClientCheck } from "../client-bench.ts";
import { bytesOf, rawSignalHead } from "../raw-packets.ts";
import { added, END, type Visit } from "../visit.ts";

const QUIET_MS = 400;
const MAX_BYTES = 16_384;
const NONE = new Uint8Array(0);
const needs = [METHOD.identity, METHOD.signal];

/** Of a client that is in the roster where a check lets it be, and of one that is nowhere. */
const PEER = new Uint8Array(32).fill(0xad);
const STRANGER = new Uint8Array(32).fill(0x99);
/** 198.51.100.1, an address of documentation. */
const PEER_ENTRY: ClientObject = {
  ip: 0xc6336401,
  methods: [
    { index: METHOD.relay, payload: NONE },
    { index: METHOD.identity, payload: PEER },
  ],
};

/** So many offers of one peer; a client answers each once at the most, and may send 200 at once (spec 8.1.5). */
const OFFERS = 60;
const MAX_ANSWERS = 260;
const ANSWERS_MS = 1_000;

/** "I wait there", of a client that does not: whoever follows it finds no relay (methods.md, 3). */
function offer(): Uint8Array {
  const [attempt, token] = [toHex(randomBytes(8)), toHex(randomBytes(32))];
  return bytesOf(
    JSON.stringify({ v: 1, type: "offer", attempt, method: "relay", token, relay: "127.0.0.1:1" }),
  );
}

/** All that was set is asked for, but signals are not. */
const NO_SIGNALS = (methods: readonly number[]) =>
  methods.filter((method) => method === METHOD.server || method === METHOD.hold);

function settledWithPeer(bench: ClientBench): Promise<Visit> {
  return bench.settled({ heartbeatSeconds: 10 }, [PEER_ENTRY]);
}

export const clientSignalChecks: readonly ClientCheck[] = [
  {
    id: "signal-anytime",
    clauses: ["8.1.1", "8.1.8"],
    rule: "Signals come from the zero request on, also between the packets of a reply.",
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.introduced();
      const signal = encodeSignal(STRANGER, bytesOf("hello"));
      visit.send(signal, visit.serverWord(0.1), signal, visit.resumeWord(), ...added([visit.self]), signal);
      visit.send(...added([PEER_ENTRY]), signal, END, signal);
      await visit.heartbeat("a Heartbeat after the first reply, which had signals in it");
      visit.send(END);
    },
  },
  {
    id: "signal-no-reply",
    clauses: ["8.1.8", "5.4.1"],
    rule: "A signal ends no reply: while one is outstanding the client sends no Heartbeat.",
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.introduced();
      visit.send(encodeSignal(STRANGER, bytesOf("hello")));
      await visit.quiet("no second Heartbeat: a signal came, and no end of the first reply", QUIET_MS);
    },
  },
  {
    id: "signal-payload",
    clauses: ["8.1.2", "8.1.3"],
    rule: "Payloads of 1 to 16,384 bytes of any kind are taken, from whoever is not in the roster, too.",
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await settledWithPeer(bench);
      const payloads = [new Uint8Array(MAX_BYTES).fill(0xff), Uint8Array.of(0), bytesOf('{"v":1}')];
      const signals = payloads.flatMap((bytes) => [PEER, STRANGER].map((from) => encodeSignal(from, bytes)));
      await visit.mustTake("signals that mean nothing to it", ...signals);
    },
  },
  {
    id: "signal-returned",
    clauses: ["8.1.4", "8.1.6", "8.1.7"],
    rule: "A signal that comes back, and an answer of the server, are taken, also where nothing was sent or asked.",
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await settledWithPeer(bench);
      const back = [PEER, STRANGER, SERVER_IDENTITY].map((identity) => encodeSignal(identity, NONE));
      const answers = ["no JSON", "[]", '{"circuit":7,"relay":null}'].map((text) =>
        encodeSignal(SERVER_IDENTITY, bytesOf(text)),
      );
      await visit.mustTake("what came back, or was answered, was never sent", ...back, ...answers);
    },
  },
  {
    id: "signal-long",
    clauses: ["1.4.3", "1.5.4", "8.1.2"],
    rule: "A signal of more than 16,384 bytes is a protocol error: the client closes when its length is read.",
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await bench.settled();
      visit.send(rawSignalHead(STRANGER, MAX_BYTES + 1));
      await visit.mustClose("a length of 16,385 came, and no payload");
    },
  },
  {
    id: "signal-early",
    clauses: ["1.5.1", "1.5.4", "8.1.1"],
    rule: "A signal before the zero request is a protocol error: the client closes.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.asked();
      visit.send(encodeSignal(STRANGER, bytesOf("hello")));
      await visit.mustClose("a signal came in the setup");
    },
  },
  {
    id: "signal-unasked",
    clauses: ["1.5.1", "1.5.4", "8.1.1"],
    rule: "A signal to a client that was not asked for `signal` is a protocol error: it closes.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.settled({ asks: NO_SIGNALS });
      visit.send(encodeSignal(STRANGER, bytesOf("hello")));
      await visit.mustClose("a signal came, and no Request 24 before");
    },
  },
  {
    id: "signal-unsaid",
    clauses: ["8.1.1"],
    rule: "A client that was not asked for `signal` sends none.",
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await bench.settled({ asks: NO_SIGNALS }, [PEER_ENTRY]);
      if (visit.holds) await visit.heartbeat("a Heartbeat as soon as the first reply ended");
      await visit.quiet("no Signal: there was no Request 24", QUIET_MS);
    },
  },
  {
    id: "signal-stranger",
    clauses: ["9.5.5"],
    rule: "An offer of a peer that is not in the roster is not answered.",
    level: "must",
    needs,
    run: async (bench) => {
      const visit = await bench.settled({}, [PEER_ENTRY]);
      if (visit.holds) await visit.heartbeat("a Heartbeat as soon as the first reply ended");
      visit.send(encodeSignal(STRANGER, offer()));
      await visit.quiet("no Signal: who offers is not in the roster", QUIET_MS);
    },
  },
  {
    id: "signal-rate",
    clauses: ["8.1.5"],
    rule: "However many offers come, the client stays below 50 signals a second and a burst of 200 (by default).",
    level: "should",
    needs,
    run: async (bench) => {
      const visit = await settledWithPeer(bench);
      visit.send(...Array.from({ length: OFFERS }, () => encodeSignal(PEER, offer())));
      const endMs = performance.now() + ANSWERS_MS;
      let answers = 0;
      for (let leftMs = ANSWERS_MS; leftMs > 0; leftMs = endMs - performance.now()) {
        const packet = await visit.poll(leftMs);
        if (!packet) break;
        if (packet.type === "signal") answers++;
      }
      if (answers > MAX_ANSWERS)
        throw new Failed(`at most ${MAX_ANSWERS} signals in answer to ${OFFERS}`, `${answers}`);
    },
  },
];
