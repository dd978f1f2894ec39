import type { Duplex } from "node:stream";
import type { ConnectionMethod } from "@lekt/protocol";
import { TcpMethod, type TcpOptions } from "./tcp-method.ts";

export type { TcpOptions };

/**
 * The connection method `tcp`: peers dial each other by TCP, at an open port, one that the router opens, or both at the
 * same time (spec 9.6). `join` rejects with `LEKT_ADDRESS_IN_USE` or `LEKT_LISTEN` where the port is not to be had.
 */
export function tcp(options: TcpOptions = {}): ConnectionMethod<Duplex> {
  return new TcpMethod(options);
}
