import type { Duplex } from "node:stream";
import type { ConnectionMethod } from "@lekt/protocol";
import { UdpMethod } from "./udp-method.ts";

export interface UdpOptions {
  /** Asks the router to open a port (UPnP, NAT-PMP). Default: true. */
  readonly portMapping?: boolean;
}

/**
 * The connection method `udp`: reliable streams over one UDP socket, with hole punching (spec 9.7). `join` rejects with
 * `LEKT_LISTEN` where there is no socket to be had.
 */
export function udp(options: UdpOptions = {}): ConnectionMethod<Duplex> {
  return new UdpMethod({ portMapping: options.portMapping ?? true });
}
