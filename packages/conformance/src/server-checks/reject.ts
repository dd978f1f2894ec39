import { setTimeout as sleep } from "node:timers/promises";
import { encodeResponse, METHOD } from "@lekt/protocol";
import { Failed } from "../check.ts";
import { bytesOf, rawHeader } from "../raw-packets.ts";
import { QUIET_MS, type ServerCheck } from "../server-bench.ts";

/** A part of the second for which a server reads on, by default. */
const LINGER_MS = 250;
/** Found in the message of no server by itself. */
const MARK = "qXz7-kJw9-pLm3";

export const rejectChecks: readonly ServerCheck[] = [
  {
    id: "reject-form",
    clauses: ["6.1", "6.1.1", "6.3"],
    rule: "A Reject is a known word, a colon, a space and a text, in UTF-8 of at most 1,024 bytes with its one NUL.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(bytesOf("what is this?"));
      const expected = "a Reject with a word, a colon, a space and a text";
      const packet = await line.next(expected);
      const isGood =
        packet.type === "reject" && packet.word !== "unknown" && /^[a-z]+: \S/.test(packet.message);
      if (!isGood)
        throw new Failed(expected, packet.type === "reject" ? JSON.stringify(packet.message) : packet.type);
    },
  },
  {
    id: "reject-no-echo",
    clauses: ["6.1.1"],
    rule: "A Reject never repeats raw input of the client.",
    level: "must",
    needs: [METHOD.name],
    run: async (bench) => {
      const line = await bench.connect();
      await line.greet(METHOD.name, [METHOD.name]);
      await line.request(METHOD.name);
      line.send(encodeResponse(METHOD.name, bytesOf(`${MARK}\n`)));
      const { message } = await line.reject("malformed", "the name has a line feed");
      if (message.includes(MARK))
        throw new Failed("a message without the name that was sent", JSON.stringify(message));
    },
  },
  {
    id: "reject-half-close",
    clauses: ["6.2", "6.5"],
    rule: "Having sent a Reject the server ends its own stream, and the Reject was its last packet.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(bytesOf("LEKTQ"));
      await line.reject("malformed", "the type Q does not exist");
      const waitMs = bench.patienceMs;
      const packet = await line.poll(waitMs);
      await line.end("the end of the server's stream behind the Reject", packet ? 0 : QUIET_MS);
      const after = await line.poll(0);
      if (packet || after || line.faulted) throw new Failed("nothing behind the Reject", "more bytes");
    },
  },
  {
    id: "reject-linger",
    clauses: ["6.5"],
    rule: "After a Reject the server reads and throws away for a while: what the client sent meanwhile does not reset the connection.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      // Much that the server need not read any more, and more behind the Reject.
      line.send(rawHeader("Q"), new Uint8Array(100_000));
      await line.reject("malformed", "the type Q does not exist");
      for (let i = 0; i < 3 && !line.error; i++) {
        line.send(new Uint8Array(1_000));
        await sleep(LINGER_MS / 3);
      }
      if (line.error) throw new Failed("a connection that is not reset", `${line.error.code}`);
    },
  },
  {
    id: "reject-closes",
    clauses: ["6.5"],
    rule: "A refused client that does not close is closed after a second (by default).",
    level: "should",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(bytesOf("LEKTQ"));
      await line.reject("malformed", "the type Q does not exist");
      const endMs = performance.now() + bench.patienceMs + 2_000;
      // A closed connection answers what we write with a reset.
      while (!line.error && performance.now() < endMs) {
        line.send(Uint8Array.of(0));
        await sleep(100);
      }
      if (!line.error) throw new Failed("a closed connection", "one that is open still");
    },
  },
  {
    id: "reject-leaves",
    clauses: ["5.2.1"],
    rule: "A client to which a Reject was sent is no longer in the roster, though its connection stands.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const [ada, bob] = await bench.pair();
      bob.line.send(rawHeader("Z"));
      await bob.line.reject("malformed", "a packet of type Z came");
      await ada.until([4_001], "the client with port 4002 got a Reject");
    },
  },
];
