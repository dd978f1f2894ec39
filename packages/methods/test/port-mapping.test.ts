import { upnpNat } from "@achingbrain/nat-port-mapper";
import { afterEach, describe, expect, test } from "vitest";
import { gatewayIn } from "../src/port-mapping/default-gateway.ts";
import {
  type Gateway,
  type MappedPort,
  type Mapping,
  MappingRefused,
  type MappingRequest,
} from "../src/port-mapping/gateway.ts";
import { natPmpGateway } from "../src/port-mapping/nat-pmp.ts";
import { decodeMapResponse, encodeMapRequest } from "../src/port-mapping/nat-pmp-messages.ts";
import { PortMapping } from "../src/port-mapping/port-mapping.ts";
import { upnpGateway } from "../src/port-mapping/upnp.ts";
import { FakePmpGateway, FakeUpnpGateway } from "./fake-gateways.ts";
import { Inbox } from "./fake-host.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const NEVER = new AbortController().signal;
const REQUEST: MappingRequest = { transport: "tcp", port: 4000, wantedPort: 4000 };

/** Keeps `port` mapped at `gateways`, and tells what changed. */
function kept(...gateways: Gateway[]) {
  const changes = new Inbox<MappedPort | undefined>();
  const mapping = new PortMapping({
    transport: "tcp",
    port: 4000,
    async *gateways() {
      yield* gateways;
    },
    onChange: (mapped) => changes.put(mapped),
  });
  closing.push(() => mapping.close());
  return { mapping, changes };
}

/** A gateway that does what it is told. */
class ScriptedGateway implements Gateway {
  readonly protocol = "UPnP";
  readonly requests = new Inbox<MappingRequest>();
  removed = 0;
  mapped: MappedPort | Error = { address: "203.0.113.21", port: 4000 };
  lifetimeMs = 3_600_000;

  async map(request: MappingRequest): Promise<Mapping> {
    this.requests.put(request);
    if (this.mapped instanceof Error) throw this.mapped;
    return {
      ...this.mapped,
      lifetimeMs: this.lifetimeMs,
      remove: async () => {
        this.removed++;
      },
    };
  }
}

/** A port that a gateway is asked for, which never answers. */
function unanswered() {
  const asked = new Inbox<void>();
  const { mapping } = kept({
    protocol: "UPnP",
    map: (_request, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        asked.put();
      }),
  });
  return { mapping, asked };
}

describe("a port that is kept mapped", () => {
  test("is told, and taken back at the end", async () => {
    const gateway = new ScriptedGateway();
    const { mapping, changes } = kept(gateway);
    expect(await changes.next()).toEqual({ address: "203.0.113.21", port: 4000 });
    expect(await gateway.requests.next()).toEqual(REQUEST);
    await mapping.close();
    expect(gateway.removed).toBe(1);
    await mapping.close();
    expect(gateway.removed).toBe(1);
  });

  test("is renewed before its time is over, and told again only where it changed", async () => {
    const gateway = new ScriptedGateway();
    gateway.lifetimeMs = 1;
    gateway.mapped = { address: "203.0.113.21", port: 5000 };
    const { changes } = kept(gateway);
    expect(await changes.next()).toMatchObject({ port: 5000 });
    await gateway.requests.next();
    expect(await gateway.requests.next()).toEqual({ ...REQUEST, wantedPort: 5000 });
    expect(changes.size).toBe(0);
    gateway.mapped = { address: "203.0.113.21", port: 6000 };
    expect(await changes.next()).toMatchObject({ port: 6000 });
  });

  test("is lost where no gateway renews it; another gateway may", async () => {
    const first = new ScriptedGateway();
    first.lifetimeMs = 1;
    const second = new ScriptedGateway();
    const { changes } = kept(first, second);
    expect(await changes.next()).toMatchObject({ port: 4000 });
    first.mapped = new Error("no");
    second.mapped = { address: "203.0.113.22", port: 7000 };
    expect(await changes.next()).toEqual({ address: "203.0.113.22", port: 7000 });
  });

  test.each([
    { address: "", port: 4000 },
    { address: "router.example", port: 4000 },
    { address: "203.0.113.21", port: 0 },
    { address: "203.0.113.21", port: 65_536 },
    { address: "203.0.113.21", port: Number.NaN },
  ])("is not there where a gateway says $address, $port; another one may map it", async (mapped) => {
    const broken = new ScriptedGateway();
    broken.mapped = mapped;
    const { changes } = kept(broken, new ScriptedGateway());
    expect(await changes.next()).toEqual({ address: "203.0.113.21", port: 4000 });
  });

  test("for more time than a timer takes is not renewed at once", async () => {
    const gateway = new ScriptedGateway();
    gateway.lifetimeMs = 2 ** 32 * 1_000;
    const { changes, mapping } = kept(gateway);
    await changes.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await mapping.close();
    expect(gateway.requests.size).toBe(1);
  });

  test("that nobody maps is told as nothing, and nothing is left to end", async () => {
    const gateway = new ScriptedGateway();
    gateway.mapped = new Error("no");
    const { mapping, changes } = kept(gateway);
    await gateway.requests.next();
    await mapping.close();
    expect(changes.size).toBe(0);
    expect(gateway.removed).toBe(0);
  });

  test("is there once a gateway is found, however often none was before", async () => {
    const gateway = new ScriptedGateway();
    const changes = new Inbox<MappedPort | undefined>();
    let searches = 0;
    const mapping = new PortMapping({
      transport: "tcp",
      port: 4000,
      async *gateways() {
        if (++searches > 4) yield gateway;
      },
      searchPausesMs: [1, 2],
      onChange: (mapped) => changes.put(mapped),
    });
    closing.push(() => mapping.close());
    expect(await changes.next()).toEqual({ address: "203.0.113.21", port: 4000 });
    expect(searches).toBe(5);
  });

  test("is closed while a gateway does not answer", async () => {
    const { mapping, asked } = unanswered();
    await asked.next();
    await mapping.close();
  });
});

describe("a report", () => {
  test("tells of the port that a router opened", async () => {
    const { mapping } = kept(new ScriptedGateway());
    expect(await mapping.report()).toEqual({
      state: "mapped",
      protocol: "UPnP",
      mapped: { address: "203.0.113.21", port: 4000 },
    });
  });

  test("tells a router that refuses from one that is none", async () => {
    expect(await kept().mapping.report()).toEqual({ state: "absent" });
    const gateway = new ScriptedGateway();
    gateway.mapped = new Error("no answer");
    expect(await kept(gateway).mapping.report()).toEqual({ state: "absent" });
    gateway.mapped = new MappingRefused("no");
    expect(await kept(gateway).mapping.report()).toEqual({ state: "refused", protocol: "UPnP" });
  });

  test("is given where it is closed while a router does not answer", async () => {
    const { mapping, asked } = unanswered();
    const report = mapping.report();
    await asked.next();
    await mapping.close();
    expect(await report).toEqual({ state: "absent" });
  });
});

describe("NAT-PMP", () => {
  async function gateway() {
    const router = await FakePmpGateway.open();
    closing.push(() => router.close());
    return { router, gateway: natPmpGateway("127.0.0.1", router.port) };
  }

  test.each(["tcp", "udp"] as const)(
    "maps and removes, %s; the port is the gateway's choice",
    async (transport) => {
      const { router, gateway: pmp } = await gateway();
      const mapping = await pmp.map({ ...REQUEST, transport }, NEVER);
      expect(mapping).toMatchObject({ address: "203.0.113.21", port: 40_000, lifetimeMs: 3_600_000 });
      const opcode = transport === "udp" ? 1 : 2;
      expect(await router.requests.next()).toEqual(Buffer.from([0, 0]));
      expect(await router.requests.next()).toEqual(
        Buffer.from([0, opcode, 0, 0, 0x0f, 0xa0, 0x0f, 0xa0, 0, 0, 0x0e, 0x10]),
      );
      await mapping.remove(NEVER);
      expect(await router.requests.next()).toEqual(
        Buffer.from([0, opcode, 0, 0, 0x0f, 0xa0, 0, 0, 0, 0, 0, 0]),
      );
    },
  );

  test("asks again where a packet is lost", async () => {
    const { router, gateway: pmp } = await gateway();
    router.losses = 1;
    expect(await pmp.map(REQUEST, NEVER)).toMatchObject({ port: 40_000 });
  });

  test("reads past what answers something else", async () => {
    for (const garbage of [
      "",
      "00",
      "0082",
      "00810000000000000fa09c4000000e10",
      "0082000000000000",
      "ff".repeat(600),
    ]) {
      const { router, gateway: pmp } = await gateway();
      router.garbage = Buffer.from(garbage, "hex");
      expect(await pmp.map(REQUEST, NEVER)).toMatchObject({ port: 40_000 });
    }
  });

  test("removes what it was asked to open when it was closed", async () => {
    const { router, gateway: pmp } = await gateway();
    const { mapping } = kept(pmp);
    for (const opcode of [0, 2]) expect((await router.requests.next())[1]).toBe(opcode);
    await mapping.close();
    const removal = Buffer.from([0, 2, 0, 0, 0x0f, 0xa0, 0, 0, 0, 0, 0, 0]);
    // Where the router was slow to answer, what was asked for is asked for again before.
    let request = await router.requests.next();
    while (request.readUInt32BE(8) > 0) request = await router.requests.next();
    expect(request).toEqual(removal);
  });

  test("takes a refusal", async () => {
    const { router, gateway: pmp } = await gateway();
    router.result = 2;
    const mapping = pmp.map(REQUEST, NEVER);
    await expect(mapping).rejects.toThrow("result 2");
    await expect(mapping).rejects.toBeInstanceOf(MappingRefused);
  });

  test("gives up where nobody answers, or when it is told to", async () => {
    const { router, gateway: pmp } = await gateway();
    router.losses = 100;
    await expect(pmp.map(REQUEST, NEVER)).rejects.toThrow("does not answer");
    await expect(pmp.map(REQUEST, AbortSignal.abort(new Error("enough")))).rejects.toThrow();
  });

  test("finds the default gateway where Linux says it", () => {
    const head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
    const local = "eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
    const route = "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n";
    expect(gatewayIn(head + local + route)).toBe("192.0.2.1");
    expect(gatewayIn(head + local)).toBeUndefined();
    expect(gatewayIn("")).toBeUndefined();
    expect(gatewayIn("eth0 00000000 010200C0 0001 0")).toBeUndefined();
  });

  test("a response is cut short at no byte without being refused", () => {
    const response = encodeMapRequest("tcp", { innerPort: 1, outerPort: 2, lifetimeSeconds: 3 });
    for (let length = 0; length < 16; length++)
      expect(decodeMapResponse(response.subarray(0, length), "tcp")).toBeUndefined();
  });
});

describe("UPnP", () => {
  test.each(["tcp", "udp"] as const)("maps, renews and removes, %s", async (transport) => {
    const router = await FakeUpnpGateway.open();
    closing.push(() => router.close());
    const gateway = upnpGateway(await upnpNat().getGateway(router.description));
    const mapping = await gateway.map({ ...REQUEST, transport }, NEVER);
    expect(mapping).toMatchObject({ address: "203.0.113.21", port: 40_000, lifetimeMs: 3_600_000 });
    expect(router.calls[0]).toMatchObject({
      action: "AddAnyPortMapping",
      args: {
        NewExternalPort: "4000",
        NewInternalPort: "4000",
        NewInternalClient: "127.0.0.1",
        NewProtocol: transport.toUpperCase(),
        NewLeaseDuration: "3600",
      },
    });
    const renewed = await gateway.map({ ...REQUEST, transport, wantedPort: mapping.port }, NEVER);
    expect(renewed.port).toBe(40_000);
    expect([...router.mapped]).toEqual([`${transport.toUpperCase()} 40000`]);
    await renewed.remove(NEVER);
    expect([...router.mapped]).toEqual([]);
  });

  test("removes what it was asked to open when it was closed", async () => {
    const router = await FakeUpnpGateway.open();
    closing.push(() => router.close());
    const { mapping } = kept(upnpGateway(await upnpNat().getGateway(router.description)));
    await expect.poll(() => router.mapped.size, { interval: 1 }).toBe(1);
    await mapping.close();
    expect([...router.mapped]).toEqual([]);
  });

  test("takes a refusal", async () => {
    const router = await FakeUpnpGateway.open();
    closing.push(() => router.close());
    router.refuses = true;
    const gateway = upnpGateway(await upnpNat().getGateway(router.description));
    await expect(gateway.map(REQUEST, NEVER)).rejects.toBeInstanceOf(MappingRefused);
  });
});
