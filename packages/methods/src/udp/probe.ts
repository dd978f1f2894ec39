import { createHmac, timingSafeEqual } from "node:crypto";

/*
 * A probe: a UDP datagram of 47 bytes between two peers that look for a path (spec 9.7)
 *
 *   0   "LEKT"
 *   4   "P" (50 hex)
 *   5   role of the sender (u8): 0 dialing, 1 accepting
 *   6   kind (u8): 0 probe, 1 chosen, 2 confirmed
 *   7   attempt (8 bytes)
 *  15   cookie of the sender for the address it sends to (8 bytes)
 *  23   echo: the cookie that last came from there (8 bytes), zero where none came
 *  31   the first 16 bytes of HMAC-SHA256(secret of the attempt, bytes 0 to 30)
 *
 * It begins neither like a STUN message (00, 01) nor like a packet of a udx stream (FF).
 */
const PROBE_BYTES = 47;
export const COOKIE_BYTES = 8;
const MAGIC = Buffer.from("LEKTP", "latin1");
const MAC_AT = 31;

const KINDS = ["probe", "chosen", "confirmed"] as const;

export type ProbeKind = (typeof KINDS)[number];
export type PeerRole = "dialing" | "accepting";

export interface Probe {
  readonly role: PeerRole;
  readonly kind: ProbeKind;
  /** 16 hex digits. */
  readonly attempt: string;
  /** 16 hex digits. */
  readonly cookie: string;
  /** 16 hex digits. */
  readonly echo: string;
}

export const NO_ECHO = "00".repeat(COOKIE_BYTES);

export function encodeProbe(probe: Probe, secret: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(PROBE_BYTES);
  MAGIC.copy(bytes);
  bytes[5] = probe.role === "dialing" ? 0 : 1;
  bytes[6] = KINDS.indexOf(probe.kind);
  bytes.write(probe.attempt, 7, "hex");
  bytes.write(probe.cookie, 15, "hex");
  bytes.write(probe.echo, 23, "hex");
  mac(bytes, secret).copy(bytes, MAC_AT);
  return bytes;
}

/** @returns the attempt that a datagram belongs to, if it looks like a probe; nothing of it is proven. */
export function probedAttempt(datagram: Uint8Array): string | undefined {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (bytes.length !== PROBE_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  return bytes.toString("hex", 7, 15);
}

/** @returns undefined for anything but a probe that was made with this secret. */
export function decodeProbe(datagram: Uint8Array, secret: Uint8Array): Probe | undefined {
  const attempt = probedAttempt(datagram);
  if (attempt === undefined) return undefined;
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (!timingSafeEqual(bytes.subarray(MAC_AT), mac(bytes, secret))) return undefined;
  const kind = KINDS[bytes[6] as number];
  if ((bytes[5] as number) > 1 || kind === undefined) return undefined;
  return {
    role: bytes[5] === 0 ? "dialing" : "accepting",
    kind,
    attempt,
    cookie: bytes.toString("hex", 15, 23),
    echo: bytes.toString("hex", 23, 31),
  };
}

function mac(bytes: Buffer, secret: Uint8Array): Buffer {
  return createHmac("sha256", secret).update(bytes.subarray(0, MAC_AT)).digest().subarray(0, 16);
}
