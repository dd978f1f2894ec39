import { type AddressGroup, byteKey, Roster, type RosterOptions } from "@lekt/protocol";
import type { Visitor } from "./visitor.ts";

/** One network: its roster and those who are in it or watch it. */
export class Network {
  /** Stands for the name in the log: names are private (spec/methods.md). */
  readonly id: number;
  readonly name: string;
  readonly roster: Roster;
  /** Those whose reply waits for the next change, the next tick or the end of their hold. */
  waiting = new Set<Visitor>();
  /** Those who waited for the last tick and have not been answered yet. */
  due = new Set<Visitor>();
  readonly #clients = new Map<AddressGroup, number>();
  /** Those who take signals, by the identity that they show. */
  readonly #listeners = new Map<string, Set<Visitor>>();
  #size = 0;

  constructor(id: number, name: string, options: RosterOptions) {
    this.id = id;
    this.name = name;
    this.roster = new Roster(options);
  }

  /** Clients, watchers included. */
  get size(): number {
    return this.#size;
  }

  /** After a tick: all who waited are due. Only to be called where nobody is due any more. */
  takeWaiting(): void {
    [this.due, this.waiting] = [this.waiting, this.due];
  }

  listenersOf(identity: Uint8Array): Iterable<Visitor> {
    return this.#listeners.get(byteKey(identity)) ?? [];
  }

  /** From now on signals reach the visitor under the identity that it shows now. */
  listen(visitor: Visitor): void {
    this.stopListening(visitor);
    const { signalIdentity } = visitor.session;
    if (!signalIdentity) return;
    visitor.signalKey = byteKey(signalIdentity);
    const others = this.#listeners.get(visitor.signalKey);
    if (others) others.add(visitor);
    else this.#listeners.set(visitor.signalKey, new Set([visitor]));
  }

  stopListening(visitor: Visitor): void {
    if (visitor.signalKey === undefined) return;
    const listeners = this.#listeners.get(visitor.signalKey);
    if (listeners?.delete(visitor) && listeners.size === 0) this.#listeners.delete(visitor.signalKey);
    visitor.signalKey = undefined;
  }

  clientsOf(group: AddressGroup): number {
    return this.#clients.get(group) ?? 0;
  }

  enter(group: AddressGroup): void {
    this.#size++;
    this.#clients.set(group, this.clientsOf(group) + 1);
  }

  leave(group: AddressGroup): void {
    this.#size--;
    const left = this.clientsOf(group) - 1;
    if (left > 0) this.#clients.set(group, left);
    else this.#clients.delete(group);
  }
}
