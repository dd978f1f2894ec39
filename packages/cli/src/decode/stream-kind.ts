export type Direction = "client" | "server";
export type Phase = "handshake" | "setup" | "heartbeat";

/** Who sent the stream, and where in the conversation it begins. */
export interface StreamKind {
  readonly direction: Direction;
  readonly phase: Phase;
}

/** So many bytes at the beginning are enough for `guessStreamKind`. */
export const GUESS_BYTES = 17;

/**
 * Guesses from the first packet; what is `known` stands.
 * @param head the first `GUESS_BYTES` of the stream, or all of it where it is shorter.
 */
export function guessStreamKind(head: Uint8Array, known: Partial<StreamKind>): StreamKind {
  const guess = guessFromFirstPacket(head, known.phase);
  return { direction: known.direction ?? guess.direction, phase: known.phase ?? guess.phase };
}

function guessFromFirstPacket(head: Uint8Array, phase: Phase | undefined): StreamKind {
  switch (String.fromCharCode(head[4] ?? 0)) {
    case "A":
      return { direction: "server", phase: "handshake" };
    case "R":
      return { direction: "server", phase: phase ?? "handshake" };
    case "T": {
      // A request is 12 bytes, a response at least 16: its length is never that of the next packet's magic.
      const isRequest = phase !== "heartbeat" && (head.length <= 12 || isMagic(head, 12));
      return { direction: isRequest ? "server" : "client", phase: "setup" };
    }
    case "H": {
      if (phase === "handshake" || (phase === undefined && isHandshake(head))) {
        return { direction: "client", phase: "handshake" };
      }
      // An update says at byte 16 whether it adds or removes; a heartbeat ends there.
      const isUpdate = head[16] === 0x41 || head[16] === 0x52;
      return { direction: isUpdate ? "server" : "client", phase: "heartbeat" };
    }
    case "S":
      return { direction: "client", phase: "heartbeat" };
    default:
      return { direction: "client", phase: "handshake" };
  }
}

/**
 * Where a handshake has its number of known methods, a heartbeat and an update have the upper half of
 * their time stamp: zero until the year 2106. A handshake with 0 methods ends there.
 */
function isHandshake(head: Uint8Array): boolean {
  const known = head.subarray(8, 12);
  return known.some((byte) => byte !== 0) || head.length <= 12 || isMagic(head, 12);
}

function isMagic(bytes: Uint8Array, at: number): boolean {
  return [0x4c, 0x45, 0x4b, 0x54].every((byte, i) => at + i >= bytes.length || bytes[at + i] === byte);
}
