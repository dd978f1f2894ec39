import { readU32, writeU32 } from "./integers.ts";
import { METHOD } from "./method-list.ts";

export const SESSION_BYTES = 8;

/** A client that is in a roster. */
export class RosterMember {
  readonly ip: number;
  /** 8 bytes, unique for each connection (spec 5.8). */
  readonly session: Uint8Array;
  /** The encoded client object as those without sessions see it, with its size field. */
  #object: Uint8Array;
  #objectWithSession: Uint8Array | undefined;
  /** Others with the same IP: a chain through the members. */
  nextAtAddress: RosterMember | undefined;
  /** Whether it stands in the log or in a snapshot. */
  announced = false;
  present = false;

  constructor(ip: number, object: Uint8Array, session: Uint8Array) {
    this.ip = ip;
    this.#object = object;
    this.session = session;
  }

  encoded(withSession: boolean): Uint8Array {
    if (!withSession) return this.#object;
    this.#objectWithSession ??= insertSession(this.#object, this.session);
    return this.#objectWithSession;
  }

  /** Only a roster's `change` may call this. */
  replaceObject(object: Uint8Array): void {
    this.#object = object;
    this.#objectWithSession = undefined;
  }
}

/** Methods ascend (spec 5.6), so the session has its place among them. */
function insertSession(object: Uint8Array, session: Uint8Array): Uint8Array {
  let at = 8;
  while (at < object.length && readU32(object, at) < METHOD.session) at += 8 + readU32(object, at + 4);
  const bytes = new Uint8Array(object.length + 8 + SESSION_BYTES);
  bytes.set(object.subarray(0, at));
  writeU32(bytes, at, METHOD.session);
  writeU32(bytes, at + 4, SESSION_BYTES);
  bytes.set(session, at + 8);
  bytes.set(object.subarray(at), at + 8 + SESSION_BYTES);
  writeU32(bytes, 0, bytes.length - 4);
  return bytes;
}
