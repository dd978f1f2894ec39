import { type Script, ScriptedServer } from "@lekt/testkit";
import { onTestFinished } from "vitest";

/** A server for this test: it plays one script a connection, the last one again and again. */
export async function serve(...scripts: readonly Script[]): Promise<ScriptedServer> {
  const server = await ScriptedServer.listen(scripts);
  onTestFinished(() => server.close());
  return server;
}

/** Something to wait for. */
export function signalled<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
