import {
  formatVersion,
  type NetworkFacts,
  rosterAddress,
  type ServerInfo,
  safeText,
  type Version,
} from "@lekt/protocol";
import type { ServerFacts } from "./room-events.ts";

/** What is known when the setup is over. */
export function serverFacts(version: Version, address: string): ServerFacts {
  return Object.freeze({ version: formatVersion(version), address });
}

/** … and when the server has told of itself: a stranger's words (spec 6.1.4). */
export function withServerInfo(facts: ServerFacts, info: Partial<ServerInfo>): ServerFacts {
  const { you, heartbeatSeconds, relay, stun } = info;
  return Object.freeze({
    ...facts,
    ...(you && rosterAddress(you.address) && { you: { ...you, address: safeText(you.address) } }),
    ...(heartbeatSeconds !== undefined && { heartbeatSeconds }),
    ...(relay !== undefined && { relay: relay && safeText(relay) }),
    ...(stun && { stun: stun.map(safeText) }),
  });
}

/** What connection methods are told of this network. */
export function networkFacts(
  { you, relay, stun }: ServerFacts,
  localAddress: string | undefined,
  localPort: number | undefined,
): NetworkFacts {
  return {
    publicAddress: you?.address,
    publicPort: you?.port,
    localAddress,
    localPort,
    relay: relay ?? undefined,
    stun: stun ?? [],
  };
}
