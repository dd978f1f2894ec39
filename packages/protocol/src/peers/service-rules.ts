import { scopedAddress } from "./address-scope.ts";

/** Who is to be asked whether a service may be sent to. Addresses as texts. */
export interface ServiceQuestion {
  /** Of a relay or a STUN server, when its name is resolved. */
  readonly address: string;
  /** Who says so. */
  readonly namedBy: "server" | "peer";
  /** Own address as the server sees it. */
  readonly ownPublicAddress: string | undefined;
  /** Own address of the connection to the server, as this machine sees it. */
  readonly ownLocalAddress: string | undefined;
}

/**
 * Why a service that somebody else names is not sent to, in words; undefined where it may be (spec 9.5.6). A server
 * or peer could otherwise have this machine reach into its own network, or a cloud's metadata.
 */
export function serviceObstacle(question: ServiceQuestion): string | undefined {
  const scope = scopedAddress(question.address)?.scope;
  if (scope === undefined) return "its address is none";
  if (scope === "never") return "nobody serves at such an address";
  if (scope === "loopback" && scopedAddress(question.ownLocalAddress)?.scope !== "loopback")
    return "a loopback address, and the server is on another machine";
  if (scope === "private" && question.namedBy === "peer") {
    if (scopedAddress(question.ownPublicAddress)?.scope !== "private")
      return "a private address, and the server is in another network";
  }
  return undefined;
}
