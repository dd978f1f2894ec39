import { decodeUtf8, encodeUtf8, MAX_SIGNAL_BYTES, type PeerSignal } from "@lekt/protocol";

const MAX_TYPE_LENGTH = 32;
const ATTEMPT = /^[0-9a-f]{16}$/;

/** @returns undefined where it is longer than a signal may be. */
export function encodePeerSignal(message: PeerSignal): Uint8Array | undefined {
  const bytes = encodeUtf8(JSON.stringify(message));
  return bytes.length <= MAX_SIGNAL_BYTES ? bytes : undefined;
}

/** @returns undefined for what is none: it is ignored (spec 9.5). */
export function decodePeerSignal(payload: Uint8Array): PeerSignal | undefined {
  const value = decodeJsonObject(payload);
  if (!value) return undefined;
  const { v, type, attempt, method } = value;
  if (v !== 1 || typeof type !== "string" || type.length > MAX_TYPE_LENGTH) return undefined;
  if (typeof attempt !== "string" || !ATTEMPT.test(attempt) || typeof method !== "string") return undefined;
  return { ...value, v, type, attempt, method };
}

/** The JSON object in a signal; undefined where there is none. */
export function decodeJsonObject(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  if (payload.length > MAX_SIGNAL_BYTES) return undefined;
  const text = decodeUtf8(payload);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
