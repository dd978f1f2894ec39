import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Gateway as UpnpGateway } from "@achingbrain/nat-port-mapper";
import { type Gateway, MAPPING_LIFETIME_SECONDS, MappingRefused, withGrace } from "./gateway.ts";

const SEARCH_MS = 5_000;
const WAN_IP_CONNECTION = "urn:schemas-upnp-org:service:WANIPConnection:2";

export async function* upnpGateways(signal: AbortSignal): AsyncGenerator<Gateway> {
  // Slow to load, and needed only where the gateway does not answer by NAT-PMP.
  const { upnpNat } = await import("@achingbrain/nat-port-mapper");
  const search = AbortSignal.any([signal, AbortSignal.timeout(SEARCH_MS)]);
  for await (const gateway of upnpNat().findGateways({ signal: search }))
    if (gateway.family === "IPv4") yield upnpGateway(gateway);
}

export function upnpGateway(gateway: UpnpGateway): Gateway {
  return {
    protocol: "UPnP",
    async map({ transport, port, wantedPort }, signal) {
      const options = {
        externalPort: wantedPort,
        protocol: transport,
        description: "LEKT",
        ttl: MAPPING_LIFETIME_SECONDS * 1_000,
        autoRefresh: false,
        signal: withGrace(signal),
      };
      const local = await localAddressToward(gateway.host);
      signal.throwIfAborted();
      // It has answered the search: whatever fails now is its refusal.
      const mapped = await gateway.map(port, local, options).catch((cause: unknown) => {
        throw new MappingRefused("The gateway opens no port.", { cause });
      });
      return {
        address: mapped.externalHost,
        port: mapped.externalPort,
        lifetimeMs: MAPPING_LIFETIME_SECONDS * 1_000,
        async remove(removalSignal) {
          const args: [string, string | number][] = [
            ["NewRemoteHost", ""],
            ["NewExternalPort", mapped.externalPort],
            ["NewProtocol", mapped.protocol],
          ];
          const device = await deviceOf(gateway);
          await device?.run(WAN_IP_CONNECTION, "DeletePortMapping", args, { signal: removalSignal });
        },
      };
    },
  };
}

interface UpnpDevice {
  run(
    service: string,
    action: string,
    args: [string, string | number][],
    options: { signal: AbortSignal },
  ): Promise<unknown>;
}

/**
 * The library's own `unmap` (4.0.5) names the inner port and no protocol, which gateways refuse; what it talks
 * to them by is private to it.
 */
async function deviceOf(gateway: UpnpGateway): Promise<UpnpDevice | undefined> {
  const getDevice: unknown = Reflect.get(gateway, "getGateway");
  return typeof getDevice === "function" ? Reflect.apply(getDevice, gateway, []) : undefined;
}

/** Which of the own addresses packets to a host come from; connecting a UDP socket sends nothing. */
async function localAddressToward(host: string): Promise<string> {
  const socket = createSocket("udp4");
  try {
    socket.connect(9, host);
    await once(socket, "connect");
    return socket.address().address;
  } finally {
    socket.close();
  }
}
