import type { RoomEvent } from "@lekt/client";

/** What a room was told, in short: `joined bob`. */
export function eventText(event: RoomEvent): string {
  switch (event.type) {
    case "status":
      return `status ${event.status.state} ${event.status.error?.message ?? ""}`;
    case "joined":
    case "left":
    case "stale":
    case "back":
      return `${event.type} ${event.peer.name}`;
    default:
      return event.type;
  }
}
