import type { Duplex } from "node:stream";
import { type ConnectionMethod, equalBytes, type LektUrl, METHOD, NETWORK_KEY_BYTES } from "@lekt/protocol";
import type { JoinOptions } from "../join-options.ts";
import { badOption, publishedOffersOf } from "../offers.ts";
import type { LektIdentity } from "./identity.ts";

/** What is needed to connect peers, checked and complete. */
export interface PeerSettings {
  readonly methods: readonly ConnectionMethod<Duplex>[];
  readonly identity: LektIdentity;
  readonly networkKey: Uint8Array | undefined;
}

/** What could publish the same. */
const OPTIONS: Readonly<Record<number, string>> = {
  [METHOD.tcp]: "tcp",
  [METHOD.udp]: "udp",
  [METHOD.relay]: "relay",
};

/** @returns undefined where there are no connection methods. @throws LektError `LEKT_OPTION` */
export function peerSettingsOf(options: JoinOptions, home: LektUrl): PeerSettings | undefined {
  const networkKey = networkKeyOf(options, home);
  const { methods = [], identity } = options;
  if (!Array.isArray(methods)) {
    throw badOption("methods", "that", "it is an array of connection methods, such as [tcp(), relay()]");
  }
  if (methods.length === 0) return undefined;
  if (!identity || identity instanceof Uint8Array) {
    throw badOption(
      "identity",
      "32 bytes alone",
      "connection methods need its key: give what createIdentity() made",
    );
  }
  for (const [at, { name, index }] of methods.entries()) {
    const isDouble = methods.findIndex((other) => other.name === name || other.index === index) < at;
    if (isDouble) throw badOption("methods", `${name} twice`, "each method has a number of its own");
  }
  checkUnpublished(new Set(publishedOffersOf(options).keys()), methods);
  return { methods, identity, networkKey };
}

/** What a method publishes is its own to say. @throws LektError `LEKT_OPTION` */
export function checkUnpublished(indices: ReadonlySet<number>, methods: PeerSettings["methods"]): void {
  const owner = methods.find(({ index }) => indices.has(index));
  if (owner) {
    throw badOption(
      OPTIONS[owner.index] ?? "payloads",
      `set beside the connection method ${owner.name}`,
      "that publishes it itself",
    );
  }
}

/** A server never sees it. */
function networkKeyOf({ networkKey }: JoinOptions, home: LektUrl): Uint8Array | undefined {
  if (networkKey === undefined) return home.networkKey;
  if (!(networkKey instanceof Uint8Array) || networkKey.length !== NETWORK_KEY_BYTES) {
    throw badOption("networkKey", "that", `it is ${NETWORK_KEY_BYTES} bytes`);
  }
  if (home.networkKey && !equalBytes(home.networkKey, networkKey)) {
    throw badOption("networkKey", "another one than the URL's", "a network has one key");
  }
  return new Uint8Array(networkKey);
}
