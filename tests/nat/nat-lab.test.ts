import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lacksLab } from "./lacks-lab.ts";
import { Namespaces } from "./namespaces.ts";
import { NatLab } from "./nat-lab.ts";
import type { Endpoint } from "./probe-process.ts";
import { Prober, type UdpProbe } from "./prober.ts";
import { SERVER_ADDRESSES, SERVER_IPV6_ADDRESS } from "./topology.ts";

const [FIRST, SECOND] = SERVER_ADDRESSES;

/** Its gateway's doors: UPnP is found by multicast, NAT-PMP asked at the router. */
const UPNP: Endpoint = { address: "239.255.255.250", port: 1900 };
const NAT_PMP: Endpoint = { address: "192.168.1.1", port: 5351 };

/** Which port a router takes outside. */
const MAPPINGS = [
  { site: "N", ports: "kept" },
  { site: "F", ports: "kept" },
  { site: "A", ports: "kept" },
  { site: "P", ports: "kept" },
  { site: "S", ports: "random" },
  { site: "U", ports: "kept" },
  { site: "G", ports: "kept" },
  { site: "L", ports: "kept" },
  { site: "twice", ports: "kept" },
];

describe.skipIf(lacksLab)("in the laboratory", () => {
  let lab: NatLab;
  let server: Prober;
  const probers = new Map<string, Promise<Prober>>();

  beforeAll(async () => {
    lab = await NatLab.build({
      N: { routers: [] },
      F: { routers: ["F"], hosts: 2 },
      A: { routers: ["A"] },
      P: { routers: ["P"] },
      otherP: { routers: ["P"] },
      S: { routers: ["S"] },
      U: { routers: ["U"], hosts: 2 },
      G: { routers: ["G"] },
      L: { routers: ["L"] },
      twice: { routers: ["P", "F"] },
      ipv6: { routers: ["6"] },
    });
    server = await Prober.on(lab.internet);
  });
  afterAll(() => lab?.close());

  function prober(site: string, host: 1 | 2 = 1): Promise<Prober> {
    const name = `${site}-${host}`;
    const started = probers.get(name) ?? Prober.on(lab.host(site, host));
    probers.set(name, started);
    return started;
  }

  test.each(MAPPINGS.filter(({ site }) => site !== "U"))(
    "the UDP ports of $site are $ports for all destinations",
    async ({ site, ports }) => {
      const probe = await (await prober(site)).udp();
      const sources: Endpoint[] = [];
      for (const destination of [
        await server.udp(FIRST),
        await server.udp(FIRST),
        await server.udp(SECOND),
      ]) {
        await probe.send(destination.local, "hello");
        sources.push((await destination.hear()).from);
      }
      expect(new Set(sources.map(({ address }) => address)).size).toBe(1);
      expect(sources[0]?.address).toMatch(/^203\.0\.113\./);
      const kept = sources.every(({ port }) => port === probe.local.port);
      expect(kept ? "kept" : "random").toBe(ports);
    },
  );

  test.each([
    { site: "N", strangers: ["other port", "other address"] },
    { site: "F", strangers: ["other port", "other address"] },
    { site: "A", strangers: ["other port"] },
    { site: "P", strangers: [] },
    { site: "S", strangers: [] },
    { site: "G", strangers: [] },
    { site: "L", strangers: [] },
    { site: "twice", strangers: [] },
  ])("UDP to $site comes through from $strangers", async ({ site, strangers }) => {
    const asked = await server.udp(FIRST);
    expect(await strangersHeard(await prober(site), asked, await server.udp(SECOND))).toEqual(strangers);
  });

  /** Which servers that nobody has asked are heard by a socket that has asked one. */
  async function strangersHeard(from: Prober, asked: UdpProbe, otherAddress: UdpProbe): Promise<string[]> {
    const probe = await from.udp();
    await probe.send(asked.local, "hello");
    const source = (await asked.hear()).from;
    const otherPort = await server.udp(asked.local.address);
    await otherPort.send(source, "other port");
    await otherAddress.send(source, "other address");
    await asked.send(source, "answer");
    return probe.heardBefore("answer");
  }

  test.each(MAPPINGS)("the TCP ports of $site are $ports for all destinations", async ({ site, ports }) => {
    const host = await prober(site);
    const first = await host.connect(await server.listen(FIRST));
    const second = await host.connect(await server.listen(SECOND), first.localPort);
    const seen = [first.seenFrom?.port, second.seenFrom?.port];
    expect(seen.every((port) => port === first.localPort) ? "kept" : "random").toBe(ports);
  });

  test.each(["F", "A", "P", "S", "U", "G", "L"])("nobody connects by TCP to %s", async (site) => {
    const host = await prober(site);
    const listening = await host.listen();
    const { seenFrom } = await host.connect(await server.listen(FIRST));
    const address = (seenFrom as Endpoint).address;
    server.connect({ address, port: listening.port }).catch(() => {}); // It hangs until the laboratory is closed.
    // What was sent later has come through.
    await host.connect(await server.listen(FIRST));
    expect(await host.connectionsTo(listening)).toBe(0);
  });

  test("a public host is reached by TCP", async () => {
    const listening = await (await prober("N")).listen();
    expect((await server.connect(listening)).seenFrom?.address).toBe(FIRST);
  });

  test("TCP meets in the middle of two port-restricted NATs", async () => {
    const sides = [await prober("P"), await prober("otherP")] as const;
    const [left, right] = await Promise.all(
      sides.map(async (side) => (await side.connect(await server.listen(FIRST))).seenFrom as Endpoint),
    );
    if (left === undefined || right === undefined) throw new Error("two sides were asked");
    await Promise.all([sides[0].meet(right, left.port), sides[1].meet(left, right.port)]);
  });

  test.each([
    { site: "P", keeps: true },
    { site: "L", keeps: false },
  ])("$site keeps the port for who has knocked too early: $keeps", async ({ site, keeps }) => {
    const [probe, asked] = [await (await prober(site)).udp(), await server.udp(FIRST)];
    await probe.send(asked.local, "hello");
    const source = (await asked.hear()).from;
    const early = await server.udp(FIRST);
    await early.send(source, "too early");
    await probe.send(early.local, "answer");
    expect((await early.hear()).from.port === source.port).toBe(keeps);
  });

  test("no UDP passes U, but there is some inside of it", async () => {
    const [probe, neighbour] = [await (await prober("U")).udp(), await (await prober("U", 2)).udp()];
    const outside = await server.udp(FIRST);
    await probe.send(outside.local, "from U");
    await (await prober("U")).connect(await server.listen(FIRST));
    const known = await (await prober("N")).udp();
    await known.send(outside.local, "from N");
    expect(await outside.heardBefore("from N")).toEqual([]);

    await probe.send(neighbour.local, "from inside");
    expect((await neighbour.hear()).from).toEqual(probe.local);
  });

  test("nobody reaches a neighbour by the router's public address", async () => {
    const [probe, neighbour] = [await (await prober("F")).udp(), await (await prober("F", 2)).udp()];
    const outside = await server.udp(FIRST);
    await probe.send(outside.local, "hello");
    const source = (await outside.hear()).from;
    await neighbour.send(source, "by the public address");
    await neighbour.send(probe.local, "by the private address");
    expect(await probe.heardBefore("by the private address")).toEqual([]);
  });

  test("a gateway is found, and opens a port for UDP and for TCP", async () => {
    const host = await prober("G");
    const probe = await host.udp();
    await probe.send(
      UPNP,
      'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n',
    );
    expect((await probe.hear()).text).toMatch(
      /^HTTP\/1\.1 200 OK[\s\S]*LOCATION: http:\/\/192\.168\.1\.1:5555\//i,
    );

    const listening = await host.listen();
    await openPort("UDP", probe);
    await openPort("TCP", await host.udp(), listening.port);

    const { address } = (await host.connect(await server.listen(FIRST))).seenFrom as Endpoint;
    const stranger = await server.udp(SECOND);
    await stranger.send({ address, port: probe.local.port }, "from a stranger");
    expect((await probe.hear()).text).toBe("from a stranger");
    await server.connect({ address, port: listening.port });
    expect(await host.connectionsTo(listening)).toBe(1);
  });

  /** Asks the gateway (RFC 6886, 3.3) for the same port outside. */
  async function openPort(
    protocol: "UDP" | "TCP",
    asking: UdpProbe,
    port = asking.local.port,
  ): Promise<void> {
    const request = Buffer.alloc(12);
    request[1] = protocol === "UDP" ? 1 : 2;
    request.writeUInt16BE(port, 4);
    request.writeUInt16BE(port, 6);
    request.writeUInt32BE(3_600, 8);
    await asking.send(NAT_PMP, request.toString("latin1"));
    const answer = Buffer.from((await asking.hear()).text, "latin1");
    expect([answer[1], answer.readUInt16BE(2), answer.readUInt16BE(10)]).toEqual([128 + request[1], 0, port]);
  }

  test("IPv6 lets in only what was asked for", async () => {
    const host = await prober("ipv6");
    const asked = await server.udp(SERVER_IPV6_ADDRESS);
    expect(await strangersHeard(host, asked, await server.udp(SERVER_IPV6_ADDRESS))).toEqual([]);

    const { seenFrom, localPort } = await host.connect(await server.listen(SERVER_IPV6_ADDRESS));
    expect(seenFrom).toEqual({ address: lab.host("ipv6").address, port: localPort });
  });
});

test.skipIf(lacksLab)("what a run left behind that was cut off is removed by the next", async () => {
  const { pid: dead } = spawnSync("true");
  const name = `lekt-nat-${dead}-1-left`;
  const files = join(tmpdir(), `lekt-nat-${dead}-1-files`);
  mkdirSync(files);
  spawnSync("ip", ["netns", "add", name]);
  const command = ["sh", "-c", "echo started; exec sleep 600"];
  const child = spawn("ip", ["netns", "exec", name, ...command], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  expect(existsSync(`/run/netns/${name}`)).toBe(true);

  const others = await Namespaces.create(["here"]);
  const next = await Namespaces.create([]);
  expect(existsSync(`/run/netns/${name}`)).toBe(false);
  expect(existsSync(files)).toBe(false);
  expect(await ended).toEqual([null, "SIGKILL"]);
  expect(existsSync(`/run/netns/${others.fullName("here")}`)).toBe(true);
  await Promise.all([others.remove(), next.remove()]);
  expect(existsSync(`/run/netns/${others.fullName("here")}`)).toBe(false);
});
