import type { Rival } from "../../harness/rival.ts";
import { relay } from "./relay.ts";

/** A server that ends before it listens. */
export const rival: Rival = {
  ...relay((entry) => entry),
  server: {
    program: () => ({
      command: process.execPath,
      args: ["-e", "process.exit(3)"],
      addressIn: () => undefined,
    }),
  },
};
