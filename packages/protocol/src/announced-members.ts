import type { RosterMember } from "./roster-member.ts";

/** Those of a roster who have been announced, in no order. */
export class AnnouncedMembers {
  readonly #members: RosterMember[] = [];
  /** What each of them publishes. Beside the members, so that to copy both does not touch a hundred thousand objects. */
  readonly #objects: Uint8Array[] = [];
  #objectBytes = 0;

  add(member: RosterMember): void {
    member.place = this.#members.length;
    this.#members.push(member);
    this.#objects.push(member.object);
    this.#objectBytes += member.object.length;
  }

  /** The last one takes its place. */
  remove(member: RosterMember): void {
    const last = this.#members.pop() as RosterMember;
    const lastObject = this.#objects.pop() as Uint8Array;
    this.#objectBytes -= member.object.length;
    if (last === member) return;
    last.place = member.place;
    this.#members[last.place] = last;
    this.#objects[last.place] = lastObject;
  }

  /** It publishes something else from now on. */
  replaceObject(member: RosterMember, object: Uint8Array): void {
    this.#objects[member.place] = object;
    this.#objectBytes += object.length - member.object.length;
  }

  /** All of them at this moment. */
  copy(): AnnouncedCopy {
    return {
      members: this.#members.slice(),
      objects: this.#objects.slice(),
      objectBytes: this.#objectBytes,
    };
  }
}

export interface AnnouncedCopy {
  readonly members: readonly RosterMember[];
  /** What each of them published at that moment. */
  readonly objects: readonly Uint8Array[];
  /** Of all objects, without sessions. */
  readonly objectBytes: number;
}
