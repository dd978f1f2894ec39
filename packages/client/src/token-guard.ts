import { LektError, type LektUrl, METHOD, rosterAddress } from "@lekt/protocol";
import { hostPort } from "./connect-error.ts";
import type { Offers } from "./offers.ts";

/**
 * A token goes over an unprotected connection only to a loopback address, or to the host in the URL
 * that the user gave and allowed it for: never to where a server sends the client (spec/methods.md, 18).
 */
export class TokenGuard {
  readonly #trustedHost: string | undefined;

  constructor(home: LektUrl, allowInsecureToken: boolean) {
    this.#trustedHost = allowInsecureToken ? home.host : undefined;
  }

  /**
   * @param address the IP address that was really dialled: what a name stands for can change.
   * @throws LektError `LEKT_TOKEN_INSECURE`
   */
  check(offers: Offers, url: LektUrl, address: string | undefined): void {
    if (!offers.has(METHOD.token) || url.host === this.#trustedHost) return;
    if (address !== undefined && isLoopback(address)) return;
    throw new LektError(
      "LEKT_TOKEN_INSECURE",
      `The token was not sent to ${hostPort(url.host, url.port)}: the connection is not protected, and the address is not of this machine.`,
    );
  }

  /** Before dialling: where the URL has an address and no name, the answer is known. */
  checkUrl(offers: Offers, url: LektUrl): void {
    if (rosterAddress(url.host)) this.check(offers, url, url.host);
  }
}

/** 127.0.0.0/8, also mapped into IPv6, and ::1. */
function isLoopback(text: string): boolean {
  const address = rosterAddress(text);
  if (!address) return false;
  if (!address.ipv6) return address.ip >>> 24 === 127;
  return address.ipv6.every((byte, i) => byte === (i === 15 ? 1 : 0));
}
