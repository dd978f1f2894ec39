import { createClient, RESP_TYPES } from "@redis/client";
import { FORTY } from "../harness/forty-bytes.ts";
import { isOnPath } from "../harness/path-program.ts";
import type { Rival } from "../harness/rival.ts";

const CHANNEL = "changes";
const ROSTER = "members";
const JOINED = 0x2b;
const LEFT = 0x2d;

/** Making a client from nothing takes longer than all that it does here. */
const template = createClient({
  // Documentation of Redis, SUBSCRIBE: with version 3 of the protocol who subscribed may ask on that connection, too.
  RESP: 3,
  disableClientInfo: true,
  maintNotifications: "disabled",
});

/** A hash of who is there, and a channel on which members tell of themselves: sign, forty bytes. */
export const rival: Rival = {
  name: "redis",
  title: "Redis, pub/sub",
  cannot: [
    "A member that is only cut off stays in the hash: Redis does not notice, and members would have to watch each other.",
    "Everybody may write everything: the rules are kept by the clients.",
    "What changes is not gathered: each change is a message to each client.",
  ],
  repeats: true,
  missing: async () => ((await isOnPath("redis-server")) ? undefined : "redis-server is not installed"),
  server: {
    program: (host, port) => ({
      command: "redis-server",
      // Documentation of Redis, "Diagnosing latency issues": no snapshots where nothing has to last. The rest are
      // limits that a benchmark is over, and its protection from whoever does not come from 127.0.0.1 itself.
      args: [
        ...["--bind", host, "--port", `${port}`, "--save", "", "--appendonly", "no"],
        ...["--maxclients", "16000", "--tcp-backlog", "4096", "--protected-mode", "no"],
        ...["--client-output-buffer-limit", "pubsub 0 0 0"],
      ],
      addressIn: (line) => (/Ready to accept connections/.test(line) ? { host, port } : undefined),
    }),
  },
  connect: async (server, member) => {
    const socket = { ...server, localAddress: member.address, reconnectStrategy: false } as const;
    const client = template.duplicate({ socket });
    client.on("error", (error: Error) => member.fail(error.message));
    await client.connect();
    const read = (message: Buffer) => {
      if (message.length !== 1 + FORTY) member.fail("got a message of another length");
      else if (message[0] === JOINED) member.learn(message, 1);
      else member.forget(message.readUInt32BE(1));
    };
    /** What comes before the roster, which it may be newer than. */
    let early: Buffer[] | undefined = [];
    const hear = (message: Buffer) => {
      if (early) early.push(message);
      else {
        read(message);
        member.settle();
      }
    };
    await client.subscribe(CHANNEL, hear, true);
    const bytes = member.fortyBytes();
    const field = `${member.number}`;
    // Documentation of Redis, "Pipelining": what is sent together goes together.
    const [, , roster] = await Promise.all([
      client.hSet(ROSTER, field, bytes),
      client.publish(CHANNEL, Buffer.concat([Buffer.of(JOINED), bytes])),
      client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).hVals(ROSTER),
    ]);
    for (const entry of roster) member.learn(entry as unknown as Buffer, 0);
    for (const message of early) read(message);
    early = undefined;
    member.settle();
    const goodbye = Buffer.concat([Buffer.of(LEFT), bytes]);
    return {
      leave: () => {
        const end = () => client.destroy();
        Promise.all([client.hDel(ROSTER, field), client.publish(CHANNEL, goodbye)]).then(end, end);
      },
    };
  },
};
