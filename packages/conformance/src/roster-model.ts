import { type ClientObject, formatIpv4, METHOD, payloadOf, toHex } from "@lekt/protocol";
import { Failed } from "./check.ts";
import type { AddedUpdate, RemovedUpdate } from "./server-packets.ts";

/** A reply, without and with its end (spec 5.4). */
export interface Reply {
  readonly updates: readonly (AddedUpdate | RemovedUpdate)[];
  readonly end: AddedUpdate;
}

/** The objects of a reply that are words from the server (spec 5.13), in order. */
export function wordsOf(reply: Reply, method: number): Uint8Array[] {
  return addedOf(reply)
    .filter(({ ip }) => ip === 0)
    .flatMap((word) => payloadOf(word, method) ?? []);
}

/** All objects of a reply, words included. */
export function addedOf(reply: Reply): ClientObject[] {
  return reply.updates.flatMap((update) => (update.type === "added" ? update.objects : []));
}

/** All IPs that a reply removes. */
export function removedOf(reply: Reply): number[] {
  return reply.updates.flatMap((update) => (update.type === "removed" ? update.ips : []));
}

/** A roster as a client keeps it: a plain list, changed packet by packet (spec 5.8). */
export class RosterModel {
  objects: ClientObject[] = [];

  /** @throws Failed where a word about sessions is malformed. */
  apply(reply: Reply): void {
    for (const update of reply.updates) {
      if (update.type === "removed") {
        this.objects = this.objects.filter(({ ip }) => !update.ips.includes(ip));
        continue;
      }
      for (const object of update.objects) {
        if (object.ip === 0) this.#word(object);
        else this.objects.push(object);
      }
    }
  }

  /** The ports that the clients tell by `tcp`, sorted, each as often as it is there. */
  get ports(): string {
    return this.objects.map(portOf).sort().join(" ");
  }

  /** The object of the client with this port. @throws Failed where there is none. */
  byPort(port: number): ClientObject {
    const found = this.objects.find((object) => portOf(object) === String(port));
    if (!found)
      throw new Failed(`a client with port ${port} in the roster`, `ports: ${this.ports || "none"}`);
    return found;
  }

  #word(word: ClientObject): void {
    const gone = payloadOf(word, METHOD.session);
    if (!gone) return;
    if (gone.length === 0 || gone.length % 8 !== 0) {
      throw new Failed("a word of whole sessions, 8 bytes each", `${gone.length} bytes`);
    }
    for (let at = 0; at < gone.length; at += 8) {
      const session = toHex(gone.subarray(at, at + 8));
      this.objects = this.objects.filter((object) => sessionOf(object) !== session);
    }
  }
}

export function sessionOf(object: ClientObject): string | undefined {
  const session = payloadOf(object, METHOD.session);
  return session && toHex(session);
}

/** A client in a roster, told by its port; one without is shown by its IP. */
function portOf(object: ClientObject): string {
  const tcp = payloadOf(object, METHOD.tcp);
  return tcp && tcp.length >= 2
    ? String(((tcp[0] as number) << 8) | (tcp[1] as number))
    : formatIpv4(object.ip);
}
