import { createIdentity, join, type Room } from "@lekt/client";
import type { ClientProgram } from "@lekt/conformance";
import { relay } from "@lekt/methods/relay";
import { FlawedLine, type Mutation } from "./flawed-line.ts";

/** What a client prints, in the form of `lekt join --json`: the events that a check reads. */
type Printed = { readonly event: string; readonly name?: string; readonly names?: readonly string[] };

const IDENTITY = createIdentity();

export interface Flaw {
  readonly mutation?: Mutation;
  /** Changes what is printed. */
  readonly prints?: (printed: Printed) => Printed | undefined;
}

/** Our client behind a flawed line, as a program. */
export function flawedClient({ mutation = {}, prints = (printed) => printed }: Flaw = {}): ClientProgram {
  return {
    takesNetwork: true,
    start: ({ host, port, network }, onLine) => {
      const stopped = new AbortController();
      const print = (printed: Printed) => {
        const said = prints(printed);
        if (said) onLine(lineOf(said));
      };
      const line = FlawedLine.listen({ host, port }, mutation);
      void line.then(async ({ port: ownPort }) => {
        const url = `lekt://${host}:${ownPort}/${network}`;
        await run(url, stopped.signal, print).catch(() => {});
      });
      return {
        ended: new Promise(() => {}),
        stop: () => {
          stopped.abort();
          void line.then((each) => each.close());
        },
      };
    },
  };
}

async function run(url: string, signal: AbortSignal, print: (printed: Printed) => void): Promise<void> {
  const options = {
    name: "bee",
    // It sets `signal`, and what it is offered by the relay needs nothing of this machine.
    methods: [relay()],
    identity: await IDENTITY,
    waitForServer: true,
    staleGraceMs: 100,
    backoffBaseMs: 50,
    signal,
  };
  const room: Room = await join(url, options);
  signal.addEventListener("abort", () => void room.close());
  print({ event: "online", names: room.peers.map(({ name = "?" }) => name) });
  for await (const event of room) {
    if (event.type === "joined" || event.type === "left")
      print({ event: event.type, name: event.peer.name ?? "?" });
  }
}

function lineOf({ event, name, names }: Printed): string {
  return JSON.stringify({
    event,
    ...(name && { peer: { name } }),
    ...(names && { peers: names.map((each) => ({ name: each })) }),
  });
}
