import type { Room } from "../src/room.ts";
import type { RoomEvent } from "../src/room-events.ts";

/** Everything that a room says from now on, as short texts, and waiting for one of them. */
export class RoomLog {
  readonly lines: string[] = [];
  #wake: () => void = () => {};

  constructor(room: Room) {
    room.on((event) => {
      this.lines.push(describe(event));
      this.#wake();
    });
  }

  /** Resolves when the line is there, or has been; gives the lines up to it and forgets them. */
  async until(line: string): Promise<readonly string[]> {
    for (;;) {
      const at = this.lines.indexOf(line);
      if (at >= 0) return this.lines.splice(0, at + 1);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Lines about peers alone. */
  async peersUntil(line: string): Promise<readonly string[]> {
    return (await this.until(line)).filter((text) => /^(joined|left|updated|stale|back) /.test(text));
  }
}

function describe(event: RoomEvent): string {
  switch (event.type) {
    case "status":
      return event.status.error ? `${event.status.state} ${event.status.error.code}` : event.status.state;
    case "joined":
    case "left":
    case "updated":
    case "stale":
    case "back":
      return `${event.type} ${event.peer.name}`;
    default:
      return event.type;
  }
}
