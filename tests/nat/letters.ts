import type { PathAttempt } from "@lekt/client";
import type { Cell, Letter } from "./cells.ts";
import type { Meeting } from "./peer-process.ts";

/** What the udp method notes where it was the many-socket method that found the hole. */
const MANY_SOCKETS = /by the many-socket method/;

/** TCP is as direct as UDP; and where ordinary punching takes long, many sockets may be there first. */
const ACCEPTED: Readonly<Record<Letter, readonly Letter[]>> = {
  D: ["D", "T", "M"],
  M: ["M"],
  T: ["T"],
  R: ["R"],
};

/** How they met. */
export function letterOf({ path, trace }: Meeting): Letter {
  if (path.relayed) return "R";
  if (path.method === "tcp") return "T";
  // The relay may have been there first.
  const winner = trace.attempts.findLast(({ outcome }) => outcome === "won");
  return winner?.notes.some((note) => MANY_SOCKETS.test(note)) ? "M" : "D";
}

/** What is not as it should be: how they met, or what they say of it. undefined: all is well. */
export function faultOf(cell: Cell, meeting: Meeting): string | undefined {
  const letter = letterOf(meeting);
  if (!ACCEPTED[cell.expected].includes(letter)) return `${cell.name}: ${letter} instead of ${cell.expected}`;
  const { attempts } = meeting.trace;
  const winner = attempts.findLast(({ outcome }) => outcome === "won")?.method;
  if (winner !== meeting.path.method) return `${cell.name}: in the trace ${winner} has won`;
  const silent = attempts.find(({ outcome, reason }) => outcome !== "won" && !reason);
  if (silent) return `${cell.name}: the trace does not say what became of ${silent.method}`;
  const udp = attempts.find(({ method }) => method === "udp");
  return tellsWhy(cell, udp) ? undefined : `${cell.name}: udp gives "${udp?.reason}" as its reason`;
}

/** Whether UDP failed for the reason that the laboratory knows. Another path may be there before it starts, or ends. */
function tellsWhy({ expected, reason: truth }: Cell, udp: PathAttempt | undefined): boolean {
  if (udp?.outcome !== "failed") return expected !== "R";
  return truth?.test(udp.reason ?? "") ?? true;
}
