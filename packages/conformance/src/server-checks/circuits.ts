import { encodeCircuit } from "@lekt/protocol";
import { bytesOf, rawHeader } from "../raw-packets.ts";
import type { ServerCheck } from "../server-bench.ts";

/** Nobody's: its proof is right under no key that anybody will find. */
const FORGED = new Uint8Array(32).fill(0xff);

export const circuitChecks: readonly ServerCheck[] = [
  {
    id: "circuit-forged",
    clauses: ["8.2.6"],
    rule: "A Circuit whose token the server did not give gets a Reject `auth`, also where it is no relay.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(encodeCircuit(FORGED));
      await line.reject("auth", "nobody made this token");
    },
  },
  {
    id: "circuit-version",
    clauses: ["8.2.3"],
    rule: "A Circuit of another major version gets a Reject `version`.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(bytesOf(rawHeader("C", [2, 0, 0]), FORGED));
      await line.reject("version", "the client's version is 2.0.0");
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
];
