import { networkInterfaces } from "node:os";
import type { MethodReport, ServerFacts } from "@lekt/client";
import { type AddressScope, type Endpoint, scopedAddress } from "@lekt/protocol";

export interface OwnAddress {
  /** Name of the interface. */
  readonly name: string;
  readonly address: string;
  readonly scope: AddressScope;
}

/** All that is known of this machine's network. */
export interface NetworkFacts {
  /** Those that peers could use. */
  readonly addresses: readonly OwnAddress[];
  /** As the server sees this machine; undefined where it does not say. */
  readonly seenAt: Endpoint | undefined;
  readonly methods: readonly MethodReport[];
}

export function networkFacts(
  server: ServerFacts | undefined,
  methods: readonly MethodReport[],
): NetworkFacts {
  const { you } = server ?? {};
  const address = scopedAddress(you?.address)?.text;
  return {
    addresses: usableAddresses(),
    seenAt: you && address !== undefined ? { address, port: you.port } : undefined,
    methods,
  };
}

function usableAddresses(): OwnAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, infos = []]) =>
    infos.flatMap(({ address }) => {
      const scoped = scopedAddress(address);
      const isUsable = scoped?.scope === "private" || scoped?.scope === "global";
      return scoped && isUsable ? [{ name, address: scoped.text, scope: scoped.scope }] : [];
    }),
  );
}
