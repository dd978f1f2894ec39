import type { ConnectionHandler } from "@lekt/client";

/** Hands on so many connections at once, and closes further ones. @param refused is told of these before. */
export function atMost(
  most: number,
  handler: ConnectionHandler,
  refused: ConnectionHandler = () => {},
): ConnectionHandler {
  let open = 0;
  return (stream, peer) => {
    if (open >= most) {
      refused(stream, peer);
      stream.destroy();
      return;
    }
    open++;
    stream.once("close", () => open--);
    handler(stream, peer);
  };
}
