import { copyBytes } from "../bytes.ts";
import { readU32, writeU32 } from "../integers.ts";

/*
 * Client object, in an Added packet (spec 5.6)
 *
 *   0   size: bytes after this field (u32)
 *   4   IP (u32)
 *   8   for each method, ascending: index (u32), length (u32), payload
 */
export const OBJECT_SIZE_BYTES = 4;
export const OBJECT_MIN_SIZE = 4;
export const METHOD_HEAD_BYTES = 8;

/** What a client told of itself about one method. */
export interface MethodInfo {
  readonly index: number;
  readonly payload: Uint8Array;
}

export interface ClientObject {
  /** The client's IPv4 address or pseudo address (spec 5.12); 0 is a word from the server (spec 5.13). */
  readonly ip: number;
  /** Ascending by index. */
  readonly methods: readonly MethodInfo[];
}

/**
 * With its size field.
 * @param allocate gives the memory.
 */
export function encodeClientObject(
  object: ClientObject,
  allocate: (bytes: number) => Uint8Array = newBytes,
): Uint8Array {
  let size = OBJECT_MIN_SIZE;
  for (const method of object.methods) size += METHOD_HEAD_BYTES + method.payload.length;
  const bytes = allocate(OBJECT_SIZE_BYTES + size);
  writeU32(bytes, 0, size);
  writeU32(bytes, 4, object.ip);
  let at = 8;
  for (const { index, payload } of object.methods) {
    writeU32(bytes, at, index);
    writeU32(bytes, at + 4, payload.length);
    bytes.set(payload, at + METHOD_HEAD_BYTES);
    at += METHOD_HEAD_BYTES + payload.length;
  }
  return bytes;
}

function newBytes(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** The fault of a client object: where in it, and what. */
export interface ObjectFault {
  readonly at: number;
  readonly why: string;
}

/**
 * Decodes a whole object that stands in `bytes` from `at` (after its size field) for `size` bytes.
 * The payloads are copies.
 */
export function decodeClientObject(bytes: Uint8Array, at: number, size: number): ClientObject | ObjectFault {
  const end = at + size;
  const ip = readU32(bytes, at);
  const methods: MethodInfo[] = [];
  let last = 0;
  for (let head = at + 4; head < end; ) {
    if (end - head < METHOD_HEAD_BYTES) return { at: head - at, why: "too few bytes for a method" };
    const index = readU32(bytes, head);
    if (index <= last) return { at: head - at, why: "its methods do not ascend" };
    const length = readU32(bytes, head + 4);
    const start = head + METHOD_HEAD_BYTES;
    if (length > end - start) return { at: head + 4 - at, why: "a method is longer than the object" };
    methods.push({ index, payload: copyBytes(bytes.subarray(start, start + length)) });
    last = index;
    head = start + length;
  }
  return { ip, methods };
}

export function payloadOf(object: ClientObject, index: number): Uint8Array | undefined {
  return object.methods.find((method) => method.index === index)?.payload;
}
