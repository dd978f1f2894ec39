import { connect, type KV, type NatsConnection, StorageType } from "nats";
import { isOnPath } from "../harness/path-program.ts";
import type { Rival, ServerAddress } from "../harness/rival.ts";

const BUCKET = "members";
/** How long an answer may take: a crowd that comes all at once is no fault. */
const PATIENCE_MS = 60_000;

/** A bucket of keys and values, which everybody watches. */
export const rival: Rival = {
  name: "nats",
  title: "NATS, key/value",
  cannot: [
    "A member that is only cut off stays in the bucket, until a time to live for all its keys is over.",
    "What changes is not gathered: each change is a message to each client.",
  ],
  repeats: true,
  missing: async () => ((await isOnPath("nats-server")) ? undefined : "nats-server is not installed"),
  server: {
    program: (host, port, directory) => ({
      command: "nats-server",
      args: ["--addr", host, "--port", `${port}`, "--jetstream", "--store_dir", directory],
      addressIn: (line) => (/Server is ready/.test(line) ? { host, port } : undefined),
    }),
  },
  prepare: async (server) => {
    const connection = await open(server);
    // Documentation of NATS, "Key/Value Store": in memory where it need not last, one value a key.
    await connection
      .jetstream({ timeout: PATIENCE_MS })
      .views.kv(BUCKET, { storage: StorageType.Memory, history: 1 });
    await connection.close();
  },
  connect: async (server, member) => {
    const connection = await open(server);
    const members: KV = await connection
      .jetstream({ timeout: PATIENCE_MS })
      .views.kv(BUCKET, { bindOnly: true });
    const watch = await members.watch();
    const read = async () => {
      for await (const { key, operation, value } of watch) {
        if (operation === "PUT") member.learn(Buffer.from(value.buffer, value.byteOffset, value.length), 0);
        else member.forget(Number(key));
        member.settle();
      }
    };
    read().catch((error: Error) => member.fail(error.message));
    await members.put(`${member.number}`, member.fortyBytes());
    return {
      leave: () => {
        const end = () => connection.close();
        members.delete(`${member.number}`).then(end, end);
      },
    };
  },
};

function open({ host, port }: ServerAddress): Promise<NatsConnection> {
  return connect({
    servers: `${host}:${port}`,
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout: PATIENCE_MS,
  });
}
