import type { Peer, Room, RoomEvent } from "@lekt/client";
import { safeText } from "@lekt/protocol";
import { peerName } from "../peer-text.ts";

/** A line of the past. */
export interface Happening {
  readonly at: Date;
  readonly kind: "came" | "left" | "changed";
  readonly text: string;
}

/** What the live list shows. */
export interface LiveState {
  readonly url: string;
  readonly watch: boolean;
  readonly status: Room["status"];
  /** When the next attempt comes, where the status is waiting. */
  readonly retryAt: Date | undefined;
  readonly server: Room["server"];
  readonly self: Peer | undefined;
  readonly peers: readonly Peer[];
  /** When each peer came, by id; who was there before is missing. */
  readonly since: ReadonlyMap<string, Date>;
  /** The newest last. */
  readonly happenings: readonly Happening[];
  readonly lastError: { readonly at: Date; readonly message: string } | undefined;
}

const HAPPENINGS_KEPT = 50;

/** Follows a room for the live list. */
export class LiveStateKeeper {
  readonly #since = new Map<string, Date>();
  readonly #happenings: Happening[] = [];
  #lastError: LiveState["lastError"];
  #retryAt: Date | undefined;

  apply(event: RoomEvent, at: Date): void {
    switch (event.type) {
      case "joined":
        this.#since.set(event.peer.id, at);
        this.#note(at, "came", `${peerName(event.peer)} came`);
        break;
      case "left":
        this.#since.delete(event.peer.id);
        this.#note(at, "left", `${peerName(event.peer)} left`);
        break;
      case "updated":
        this.#note(at, "changed", `${peerName(event.peer)} changed`);
        break;
      case "stale":
        this.#note(at, "changed", `${peerName(event.peer)} is missing since the reconnect`);
        break;
      case "back":
        this.#note(at, "changed", `${peerName(event.peer)} is back`);
        break;
      case "status":
        this.#applyStatus(event.status, at);
        break;
    }
  }

  state(room: Room, watch: boolean): LiveState {
    const { url, status, server, self, peers } = room;
    return {
      url: safeText(url),
      watch,
      status,
      server,
      self,
      peers,
      retryAt: this.#retryAt,
      since: this.#since,
      happenings: this.#happenings,
      lastError: this.#lastError,
    };
  }

  #applyStatus(status: Room["status"], at: Date): void {
    this.#retryAt = status.state === "waiting" ? new Date(at.getTime() + status.retryInMs) : undefined;
    if (status.error) this.#lastError = { at, message: safeText(status.error.message) };
    if (status.state === "online") this.#note(at, "changed", "online");
    if (status.state === "waiting" && status.attempt === 1) this.#note(at, "changed", "connection lost");
  }

  #note(at: Date, kind: Happening["kind"], text: string): void {
    this.#happenings.push({ at, kind, text });
    if (this.#happenings.length > HAPPENINGS_KEPT) this.#happenings.shift();
  }
}
