/** The words that a Reject may begin with (spec 6.3). */
export const REJECT_WORDS = [
  "version",
  "malformed",
  "limit",
  "rate",
  "timeout",
  "auth",
  "kicked",
  "replaced",
  "shutdown",
  "moved",
  "internal",
] as const;

export type RejectWord = (typeof REJECT_WORDS)[number];

/** What a client does after a Reject with this word (spec 6.4). */
export type RejectReaction = "retry" | "move" | "give-up";

export function reactionTo(word: RejectWord | "unknown"): RejectReaction {
  switch (word) {
    case "limit":
    case "rate":
    case "timeout":
    case "shutdown":
    case "internal":
      return "retry";
    case "moved":
      return "move";
    default:
      return "give-up";
  }
}
