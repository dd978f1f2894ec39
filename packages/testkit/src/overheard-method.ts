import type { Duplex } from "node:stream";
import type { ConnectionMethod, RawPath } from "@lekt/protocol";

/** A connection method whose raw paths can be seen, and kept from the room. */
export interface OverheardMethod extends ConnectionMethod<Duplex> {
  /** Both those that were dialled and those that came. */
  readonly paths: readonly RawPath<Duplex>[];
}

export interface OverheardOptions {
  /** Paths that come are left as they are: nobody speaks on them. */
  readonly silent?: boolean;
  /** Called as soon as the method dials. */
  readonly onDial?: () => void;
  /** Called when a dialled path is there, before the room has it. */
  readonly onDialled?: () => void;
}

export function overheard(method: ConnectionMethod<Duplex>, options: OverheardOptions = {}): OverheardMethod {
  const paths: RawPath<Duplex>[] = [];
  return {
    paths,
    name: method.name,
    index: method.index,
    relayed: method.relayed,
    start: (host) =>
      method.start({
        ...host,
        accepted: (path, by) => {
          paths.push(path);
          if (options.silent) path.stream.on("error", () => {});
          else host.accepted(path, by);
        },
      }),
    learned: (facts) => method.learned(facts),
    obstacle: (peer) => method.obstacle(peer),
    dial: async (attempt) => {
      const dialling = method.dial(attempt);
      options.onDial?.();
      const path = await dialling;
      paths.push(path);
      options.onDialled?.();
      return path;
    },
    received: (from, message) => method.received(from, message),
    undeliverable: (to) => method.undeliverable(to),
    close: () => method.close(),
  };
}
