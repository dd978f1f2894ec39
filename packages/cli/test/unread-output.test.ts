import { spawn } from "node:child_process";
import { once } from "node:events";
import { join as joinRoom } from "@lekt/client";
import { expect, it, onTestFinished } from "vitest";
import { killAtEnd, LEKT, lekt, serve } from "./lekt-process.ts";

it("join whose output nobody reads ends in order all the same", async () => {
  const server = await serve();
  const url = `${server.url}/quiet`;
  const child = spawn(process.execPath, [LEKT, "join", url, "--name", "unread"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  killAtEnd(child);
  child.stdout.pause();
  const talker = await joinRoom(url, { name: "talker", data: new Uint8Array(1_000) });
  onTestFinished(() => talker.close());
  await expect.poll(() => talker.peers.map((peer) => peer.name)).toEqual(["unread"]);
  // More than a pipe holds: 2,000 digits each.
  for (let i = 0; i < 100; i++) {
    const data = new Uint8Array(1_000).fill(i + 1);
    talker.update({ data });
    await expect.poll(() => talker.self?.data?.[0]).toBe(i + 1);
  }
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
  await expect.poll(() => talker.peers).toEqual([]);
  expect((await lekt(["peers", url])).stdout).toContain("talker");
});
