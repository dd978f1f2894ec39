import type { LektErrorCode } from "@lekt/protocol";

/** What `lekt` says to the shell; the README has the same table. */
export const EXIT = {
  fine: 0,
  failed: 1,
  usage: 2,
  waitedInVain: 3,
  noServer: 4,
  refused: 5,
  notLekt: 6,
  cannotListen: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The meaning of each exit code, for `lekt help`. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: "fine",
  1: "failed at work: broken input, connection lost for good",
  2: "wrong usage: a command, a flag, an environment variable or a URL",
  3: "waited in vain: peers --wait, a peer that did not come",
  4: "no server, or no connection to it",
  5: "refused by the server or a peer",
  6: "no LEKT server there, or one of another version",
  7: "cannot listen",
};

export interface Outcome {
  readonly exitCode: ExitCode;
  /** What to do next, as a sentence, where the messages with this code do not say it. */
  readonly hint?: string;
}

/** Every code has its line: the type asks for it. */
export const OUTCOMES: Readonly<Record<LektErrorCode, Outcome>> = {
  LEKT_URL: { exitCode: EXIT.usage, hint: "An example: lekt://localhost:15358/my-network" },
  LEKT_OPTION: { exitCode: EXIT.usage },
  LEKT_CONNECT: { exitCode: EXIT.noServer },
  LEKT_NOT_LEKT: { exitCode: EXIT.notLekt },
  LEKT_VERSION: {
    exitCode: EXIT.notLekt,
    hint: "Use a lekt of the server's major version.",
  },
  LEKT_PROTOCOL: {
    exitCode: EXIT.notLekt,
    hint: "Check the port, or report it to who wrote the server.",
  },
  LEKT_TIMEOUT: {
    exitCode: EXIT.noServer,
    hint: "Check that a LEKT server is on this port, and the line to it.",
  },
  LEKT_CONNECTION_LOST: {
    exitCode: EXIT.failed,
    hint: "Try again, and check that a LEKT server is on this port.",
  },
  LEKT_REJECT_VERSION: {
    exitCode: EXIT.notLekt,
    hint: "Use a lekt of the server's major version.",
  },
  LEKT_REJECT_MALFORMED: {
    exitCode: EXIT.refused,
    hint: "Check what this command tells of itself (its --method payloads first).",
  },
  LEKT_REJECT_LIMIT: {
    exitCode: EXIT.refused,
    hint: "Say less, try later or another network, or ask the operator to raise the limit.",
  },
  LEKT_REJECT_RATE: { exitCode: EXIT.refused, hint: "Wait a second and try again." },
  LEKT_REJECT_TIMEOUT: { exitCode: EXIT.refused, hint: "Check the line and try again." },
  LEKT_REJECT_AUTH: {
    exitCode: EXIT.refused,
    hint: "Check URL and token (--token-file), or ask the operator.",
  },
  LEKT_REJECT_KICKED: { exitCode: EXIT.refused, hint: "Ask the operator." },
  LEKT_REJECT_REPLACED: {
    exitCode: EXIT.refused,
    hint: "Look for a second program with the same identity.",
  },
  LEKT_REJECT_SHUTDOWN: { exitCode: EXIT.refused, hint: "Try again when the server is back." },
  LEKT_REJECT_MOVED: { exitCode: EXIT.refused, hint: "Ask the operator for the new URL." },
  LEKT_REJECT_INTERNAL: {
    exitCode: EXIT.refused,
    hint: "Try again; the server's log has the details.",
  },
  LEKT_REJECT_UNKNOWN: { exitCode: EXIT.refused, hint: "Perhaps a newer lekt knows this answer." },
  LEKT_MOVED_TOO_OFTEN: {
    exitCode: EXIT.refused,
    hint: "Tell the operators: their servers probably send clients in a circle.",
  },
  LEKT_ROSTER_LIMIT: { exitCode: EXIT.failed, hint: "Use a smaller network." },
  LEKT_EVENTS_LOST: { exitCode: EXIT.failed, hint: "Read the output faster." },
  LEKT_TOKEN_INSECURE: {
    exitCode: EXIT.usage,
    hint: "Use a tunnel that ends on this machine, or --allow-insecure-token on a line that you trust.",
  },
  LEKT_ABORTED: { exitCode: EXIT.failed },
  LEKT_CLOSED: { exitCode: EXIT.failed, hint: "Join again." },
  LEKT_ADDRESS_IN_USE: { exitCode: EXIT.cannotListen },
  LEKT_LISTEN: { exitCode: EXIT.cannotListen },
  LEKT_INPUT: { exitCode: EXIT.failed },
  LEKT_UNREACHABLE: { exitCode: EXIT.failed, hint: "lekt doctor tells what this network allows." },
  LEKT_PATH: { exitCode: EXIT.failed, hint: "Try again; lekt doctor tells what this network allows." },
  LEKT_TRANSFER: { exitCode: EXIT.failed },
  LEKT_PEER_IDENTITY: {
    exitCode: EXIT.refused,
    hint: "Ask the peer over another way which identity it has, before you send it anything.",
  },
  LEKT_NETWORK_KEY: {
    exitCode: EXIT.refused,
  },
  LEKT_PEER_REFUSED: {
    exitCode: EXIT.refused,
    hint: "lekt key --identity prints yours.",
  },
};
