import type { AddressInfo, Server } from "node:net";
import { LektError } from "@lekt/protocol";
import { listenError } from "./listen-error.ts";

const BACKLOG = 4_096;

/** Opens a TCP port. @throws LektError; `LEKT_CLOSED` where `isStopped` by then. */
export async function openPort(
  listener: Server,
  host: string | undefined,
  port: number,
  isStopped: () => boolean,
): Promise<void> {
  const where = host === undefined ? { port } : { port, host };
  await new Promise<void>((resolve, reject) => {
    const settle = (then: () => void) => {
      listener.off("error", onError);
      listener.off("close", onClose);
      then();
    };
    const onError = (error: NodeJS.ErrnoException) =>
      settle(() => reject(listenError(error, host, `port ${port}`)));
    const onClose = () =>
      settle(() => reject(new LektError("LEKT_CLOSED", "The server was closed before it listened.")));
    listener.on("error", onError);
    listener.on("close", onClose);
    listener.listen({ ...where, backlog: BACKLOG }, () => {
      // Closed while the name of the host was looked up: its end is what `onClose` waits for.
      if (isStopped()) listener.close();
      else settle(resolve);
    });
  });
}

/** Where it listens; undefined while it does not. */
export function addressOf(listener: Server): { host: string; port: number } | undefined {
  const address = listener.address() as AddressInfo | null;
  return address ? { host: address.address, port: address.port } : undefined;
}
