import type { Member } from "./member.ts";

/** Where a server is to be reached; what it says of itself besides. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A server that is a program of its own. */
export interface ServerProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** Reads its address from a line of its output; undefined where the line does not tell it. */
  readonly addressIn: (line: string) => ServerAddress | undefined;
}

/** A member's connection to the server. */
export interface Connection {
  /** Leaves by the way that this rival has for it. */
  leave(): void;
}

/** What a rival needs a server process for. */
type RivalServer =
  /** Runs in a Node.js process of its own. @returns the port. */
  | { readonly listen: (host: string) => Promise<number> }
  /** A program; `port` is a free one, `directory` an empty one that is removed afterwards. */
  | { readonly program: (host: string, port: number, directory: string) => ServerProgram };

/** LEKT, or what people would use instead. */
export interface Rival {
  /** As in `--only`. */
  readonly name: string;
  /** As in tables and plots. */
  readonly title: string;
  /** What it cannot do of the work, or does in another way; sentences. */
  readonly cannot: readonly string[];
  /** How many others a member can learn of at all. Default: everybody. */
  readonly knowsAtMost?: number;
  /** That it may be told of a member more than once, as where a list is polled. Default false. */
  readonly repeats?: boolean;
  /** That it has no server that does the work, so that the cost of the members is counted as well. */
  readonly peersWork?: boolean;
  /** The largest number of members worth trying. */
  readonly maxMembers?: number;
  /** Why it cannot be run here, as a sentence; undefined where it can. */
  readonly missing?: () => Promise<string | undefined>;
  readonly server: RivalServer;
  /** Done once when the server is there, before anybody comes. */
  readonly prepare?: (server: ServerAddress) => Promise<void>;
  /** Joins as `member` and publishes its forty bytes. Resolves when they are on their way. */
  readonly connect: (server: ServerAddress, member: Member) => Promise<Connection>;
}
