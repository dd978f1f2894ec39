import { encodeCircuit } from "@lekt/protocol";
import { Failed } from "../check.ts";
import type { ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";

/** Nobody's: its proof is right under no key that anybody will find. */
const FORGED = new Uint8Array(32).fill(0xff);
const EXPECTED = 'a Reject "auth" (nobody made this token), or "malformed"';

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
];
