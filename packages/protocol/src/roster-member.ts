import { readU32, writeU32 } from "./integers.ts";
import { METHOD } from "./method-list.ts";
import { METHOD_HEAD_BYTES } from "./packets/client-object.ts";

export const SESSION_BYTES = 8;
/** By so much an object is longer with its session in it. */
export const SESSION_METHOD_BYTES = METHOD_HEAD_BYTES + SESSION_BYTES;

/** A client that is in a roster. */
export class RosterMember {
  readonly ip: number;
  /** 8 bytes, unique for each connection (spec 5.8). */
  readonly session: Uint8Array;
  #object: Uint8Array;
  #objectWithSession: Uint8Array | undefined;
  /** Others with the same IP: a chain through the members. */
  nextAtAddress: RosterMember | undefined;
  /** Whether it stands in the log or in a snapshot. */
  announced = false;
  /** Its place among those who are announced; their list's own. */
  place = 0;
  present = false;

  constructor(ip: number, object: Uint8Array, session: Uint8Array) {
    this.ip = ip;
    this.#object = object;
    this.session = session;
  }

  /** The encoded client object as those without sessions see it, with its size field. */
  get object(): Uint8Array {
    return this.#object;
  }

  encoded(withSession: boolean): Uint8Array {
    return withSession ? this.withSession(this.#object) : this.#object;
  }

  /** An object that is or was this member's, with its session in it. */
  withSession(object: Uint8Array): Uint8Array {
    if (object !== this.#object) return insertSession(object, this.session);
    this.#objectWithSession ??= insertSession(object, this.session);
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
  while (at < object.length && readU32(object, at) < METHOD.session)
    at += METHOD_HEAD_BYTES + readU32(object, at + 4);
  const bytes = new Uint8Array(object.length + SESSION_METHOD_BYTES);
  bytes.set(object.subarray(0, at));
  writeU32(bytes, at, METHOD.session);
  writeU32(bytes, at + 4, SESSION_BYTES);
  bytes.set(session, at + METHOD_HEAD_BYTES);
  bytes.set(object.subarray(at), at + SESSION_METHOD_BYTES);
  writeU32(bytes, 0, bytes.length - 4);
  return bytes;
}
