import { LektError } from "@lekt/protocol";

/** @param port with its kind where it is not TCP: "UDP port 15358". */
export function listenError(error: NodeJS.ErrnoException, host: string | undefined, port: string): LektError {
  const where = host === undefined ? port : `${host}, ${port}`;
  if (error.code === "EADDRINUSE") {
    const message = `Cannot listen on ${where}: another program does already. Stop it or choose another port.`;
    return new LektError("LEKT_ADDRESS_IN_USE", message, { cause: error });
  }
  const why =
    error.code === "EACCES"
      ? "this user may not open it. Choose a port from 1024 up."
      : error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND"
        ? "this machine has no such address. Choose one of its own, or none for all."
        : `${error.message}.`;
  return new LektError("LEKT_LISTEN", `Cannot listen on ${where}: ${why}`, { cause: error });
}
