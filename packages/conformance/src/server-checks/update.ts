import { METHOD } from "@lekt/protocol";
import { Failed } from "../check.ts";
import { bytesOf, portPayload, rawResponseHead } from "../raw-packets.ts";
import { QUIET_MS, type ServerCheck } from "../server-bench.ts";

const NONE = new Uint8Array(0);
const UPDATE = [METHOD.update, NONE] as const;
const needs = [METHOD.tcp, METHOD.update];

export const updateChecks: readonly ServerCheck[] = [
  {
    id: "update",
    clauses: ["4.10.1", "4.10.5", "methods 28"],
    rule: "A replaced payload is seen by the others and by the client itself, in place of the old one.",
    level: "must",
    needs,
    run: async (bench) => {
      const [ada, bob] = await bench.pair([UPDATE]);
      bob.answer(METHOD.tcp, portPayload(4_012));
      await ada.until([4_001, 4_012], "port 4002 was replaced by 4012");
      await bob.until([4_001, 4_012], "it replaced its port 4002 by 4012");
      bob.answer(METHOD.tcp, portPayload(4_022));
      await ada.until([4_001, 4_022], "port 4012 was replaced by 4022");
    },
  },
  {
    id: "update-quiet",
    clauses: ["4.10.1", "4.10.4"],
    rule: "The server sends nothing back for a replaced payload.",
    level: "must",
    needs,
    run: async (bench) => {
      const bob = await bench.member(4_002, [UPDATE]);
      await bob.beat();
      bob.answer(METHOD.tcp, portPayload(4_012));
      await bob.line.quiet("nothing after a replaced payload", QUIET_MS);
      // One reply too many, however late: each is then that of the Heartbeat before.
      await bob.beat();
      await bench.member(4_003);
      await bob.beat();
      bob.roster.byPort(4_003);
    },
  },
  {
    id: "update-one-change",
    clauses: ["4.10.5"],
    rule: "Others see one change: no reply has the client neither with the old payload nor with the new one.",
    level: "must",
    needs,
    run: async (bench) => {
      const [ada, bob] = await bench.pair([UPDATE]);
      bob.answer(METHOD.tcp, portPayload(4_012));
      const endMs = performance.now() + bench.patienceMs + 1_000;
      while (ada.roster.ports !== "4001 4012" && performance.now() < endMs) {
        await ada.beat();
        if (ada.roster.objects.length !== 2)
          throw new Failed("two clients at the end of each reply", ada.roster.ports);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
      ada.mustSee([4_001, 4_012], "port 4002 was replaced by 4012");
    },
  },
  {
    id: "update-unset",
    clauses: ["4.8", "4.10.3"],
    rule: "A Response in the heartbeat phase is `malformed`, when its index is read, where the client did not set `update`.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      line.send(rawResponseHead(METHOD.tcp, 2));
      await line.reject("malformed", "the client did not set `update`");
    },
  },
  {
    id: "update-unpublished",
    clauses: ["4.10.3"],
    rule: "A method that the client did not publish cannot be replaced: `malformed`, when its index is read.",
    level: "must",
    needs,
    run: async (bench) => {
      for (const method of [METHOD.name, METHOD.network]) {
        const { line } = await bench.member(4_001, [UPDATE]);
        line.send(rawResponseHead(method, 5));
        await line.reject("malformed", `method ${method} was not published`);
      }
    },
  },
  {
    id: "update-malformed",
    clauses: ["4.10.2"],
    rule: "A payload that replaces another is judged as in the setup.",
    level: "must",
    needs,
    run: async (bench) => {
      const { line } = await bench.member(4_001, [UPDATE]);
      line.send(rawResponseHead(METHOD.tcp, 1), Uint8Array.of(1));
      await line.reject("malformed", "a port of one byte");
    },
  },
  {
    id: "update-limit",
    clauses: ["4.5", "4.10.2"],
    rule: "For the limit of the published payloads the new one counts in place of the old one (2,048 bytes by default).",
    level: "should",
    needs: [...needs, 33],
    run: async (bench) => {
      const { line } = await bench.member(4_001, [UPDATE, [33, new Uint8Array(2_000)]]);
      line.send(bytesOf(rawResponseHead(33, 2_046), new Uint8Array(2_046)));
      line.heartbeat();
      await line.reply("a reply: 2 and 2,046 bytes are within the limit");
      line.send(rawResponseHead(33, 2_047));
      await line.reject("limit", "2 and 2,047 bytes are over the limit");
    },
  },
  {
    id: "update-watching",
    clauses: ["4.10.6"],
    rule: "A client with `watch` may replace payloads, too; it has no effect.",
    level: "must",
    needs: [...needs, METHOD.watch],
    run: async (bench) => {
      const ada = await bench.member(4_001);
      const watcher = await bench.member(4_002, [UPDATE, [METHOD.watch, NONE]]);
      await watcher.beat();
      watcher.answer(METHOD.tcp, portPayload(4_012));
      await watcher.beat("a reply behind the replaced payload");
      await ada.beat();
      ada.mustSee([4_001], "the client with port 4012 watches");
    },
  },
  {
    id: "update-rate",
    clauses: ["4.10.4", "5.14.2"],
    rule: "Replaced payloads count like Heartbeats in the rate of 20 a second (by default).",
    level: "should",
    needs,
    run: async (bench) => {
      const bob = await bench.member(4_002, [UPDATE]);
      for (let i = 0; i < 400; i++) bob.answer(METHOD.tcp, portPayload(4_012));
      await bob.line.reject("rate", "400 replaced payloads came at once");
    },
  },
];
