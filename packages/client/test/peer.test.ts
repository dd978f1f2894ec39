import { encodeUtf8, METHOD, parseIpv6, pseudoAddress } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { peerOf } from "../src/peer.ts";
import { clientObject, named } from "./roster-objects.ts";

describe("a peer", () => {
  test("everything that it told", () => {
    const identity = new Uint8Array(32).fill(3);
    const object = clientObject("192.0.2.1", {
      1: Uint8Array.of(0x0f, 0xa0, 4, 192, 168, 1, 20, 0x0f, 0xa0),
      2: Uint8Array.of(1, 0, 9),
      3: new Uint8Array(0),
      4: new Uint8Array(0),
      19: identity,
      20: encodeUtf8("Zoë"),
      21: Uint8Array.of(1, 2, 3),
    });
    expect(peerOf("7", object, false)).toMatchObject({
      id: "7",
      ip: "192.0.2.1",
      address: "192.0.2.1",
      name: "Zoë",
      data: Uint8Array.of(1, 2, 3),
      identity,
      tcp: { port: 4_000, endpoints: [{ address: "192.168.1.20", port: 4_000 }] },
      udp: { version: 1, port: 9, endpoints: [] },
      relay: true,
      webrtc: true,
      stale: false,
    });
  });

  test("nothing that it did not tell", () => {
    expect(peerOf("1", clientObject("192.0.2.1"), true)).toEqual({
      id: "1",
      ip: "192.0.2.1",
      address: "192.0.2.1",
      name: undefined,
      data: undefined,
      identity: undefined,
      tcp: undefined,
      udp: undefined,
      relay: false,
      webrtc: false,
      stale: true,
      methods: new Map(),
    });
  });

  test("payloads that cannot be read, and unknown methods, stay as bytes", () => {
    const payloads = {
      1: Uint8Array.of(1),
      2: Uint8Array.of(9, 0, 0),
      19: Uint8Array.of(1),
      20: Uint8Array.of(0xff),
      44: Uint8Array.of(4, 4),
      5000: Uint8Array.of(5),
    };
    const peer = peerOf("1", clientObject("192.0.2.1", payloads), false);
    expect(peer).toMatchObject({ tcp: undefined, udp: undefined, identity: undefined, name: undefined });
    expect([...peer.methods]).toEqual(
      Object.entries(payloads).map(([index, bytes]) => [Number(index), bytes]),
    );
  });

  test("IPv6: the attribute is what can be dialled, a pseudo address never", () => {
    const ipv6 = parseIpv6("2001:db8::7") as Uint8Array;
    const ip = pseudoAddress(ipv6);
    const peer = (payload?: Uint8Array) =>
      peerOf("1", { ip, methods: payload ? [{ index: METHOD.ipv6, payload }] : [] }, false);
    expect(peer(ipv6)).toMatchObject({ ip: "248.207.53.14", address: "2001:db8::7" });
    expect(peer()).toMatchObject({ ip: "248.207.53.14", address: undefined });
    expect(peer(Uint8Array.of(1)).address).toBe(undefined);
  });

  test.each([
    ["rtl\u202egnp.exe", "rtl\\u{202e}gnp.exe"],
    ["zero\u200bwidth", "zero\\u{200b}width"],
    ["line\u2028break", "line\\u{2028}break"],
    ["Zoë 🙂", "Zoë 🙂"],
  ])("the name %j is made safe", (name, shown) => {
    expect(peerOf("1", named(name), false).name).toBe(shown);
  });

  test("a name with control characters is none", () => {
    expect(peerOf("1", named("a\u001b[2J"), false).name).toBe(undefined);
  });
});
