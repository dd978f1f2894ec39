import { execFile } from "node:child_process";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { connectRaw, listenRaw } from "../connect/raw-streams.ts";
import { checkTransfer, serveTransfer, timeTransfer } from "../connect/transfer.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CONNECT = ["--import", "tsx", "benchmarks/main.ts", "connect"];
const BYTES = 300_001;

/** A stream through somebody who changes what goes to the other end. @param changed of the bytes so far and the next */
async function throughSomebody(changed: (before: number, bytes: Buffer) => Buffer): Promise<Socket> {
  const port = await listenRaw("raw TCP", "127.0.0.1", serveTransfer);
  const middle = createServer({ allowHalfOpen: true }, (socket) => {
    let before = 0;
    const change = new Transform({
      transform: (bytes: Buffer, _encoding, done) => {
        const next = changed(before, bytes);
        before += bytes.length;
        done(null, next);
      },
    });
    const onwards = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.pipe(change).pipe(onwards).pipe(socket);
  });
  onTestFinished(() => void middle.close());
  await new Promise<void>((resolve) => middle.listen(0, "127.0.0.1", resolve));
  return connect({
    host: "127.0.0.1",
    port: (middle.address() as AddressInfo).port,
    allowHalfOpen: true,
  });
}

for (const kind of ["raw TCP", "raw TLS"] as const) {
  it(`${kind} brings what was sent`, async () => {
    const address = { host: "127.0.0.1", port: await listenRaw(kind, "127.0.0.1", serveTransfer) };
    await checkTransfer(await connectRaw(kind, address), BYTES);
    expect(await timeTransfer(await connectRaw(kind, address), BYTES)).toBeGreaterThan(0);
  });
}

it("a byte that was changed on the way is noticed", async () => {
  const flip = (before: number, bytes: Buffer) => {
    const at = 70_000 - before;
    if (at >= 0 && at < bytes.length) bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
    return bytes;
  };
  await expect(checkTransfer(await throughSomebody(flip), BYTES)).rejects.toThrow("were sent");
});

it("bytes that were lost are noticed, also where they are only counted", async () => {
  const lose = (before: number, bytes: Buffer) => (before > 70_000 ? bytes.subarray(1) : bytes);
  await expect(timeTransfer(await throughSomebody(lose), BYTES)).rejects.toThrow("were sent");
});

it("every method is measured, and so is every kind of path that the loopback has", async () => {
  const args = [...CONNECT, "--loopback", "--megabytes", "1", "--repeats", "1", "--json", "-"];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  const { throughput, firstBytes } = JSON.parse(stdout) as {
    throughput: { stream: string; megabytesPerSecond: number; cpuSecondsPerGigabyte: number }[];
    firstBytes: { path: string; roundTripMs: number; elapsedMs: number; fault?: string }[];
  };
  expect(throughput.map(({ stream }) => stream)).toEqual(["raw TCP", "raw TLS", "tcp", "udp", "relay"]);
  for (const { megabytesPerSecond, cpuSecondsPerGigabyte } of throughput) {
    expect(megabytesPerSecond).toBeGreaterThan(0);
    expect(cpuSecondsPerGigabyte).toBeGreaterThan(0);
  }
  expect(firstBytes.map(({ path }) => path)).toEqual([
    ...["raw TCP", "raw TLS", "tcp, an open port", "udp, no NAT", "relay", "all methods, an open port"],
  ]);
  for (const { elapsedMs, fault } of firstBytes) {
    expect(fault).toBeUndefined();
    expect(elapsedMs).toBeGreaterThan(0);
  }
  expect(stderr).toContain("the loopback alone");
}, 120_000);

it("an option that cannot be is told in a sentence", async () => {
  const failure = await promisify(execFile)(process.execPath, [...CONNECT, "--only", "speed"], {
    cwd: ROOT,
  }).catch((error: { code: number; stderr: string }) => error);
  expect(failure).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--only speed is neither throughput nor first-byte"),
  });
});
