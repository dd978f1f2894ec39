import type { Duplex } from "node:stream";
import type { ConnectionMethod } from "@lekt/protocol";
import { TcpMethod, type TcpOptions } from "./tcp-method.ts";

export type { TcpOptions };

/** Peers dial each other by TCP: an open port, one that the router opens, or both at the same time (spec 9.6). */
export function tcp(options: TcpOptions = {}): ConnectionMethod<Duplex> {
  return new TcpMethod(options);
}
