import { encodeUtf8, METHOD, networkKeyFragment } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import type { JoinOptions } from "../src/join-options.ts";
import { offersFor } from "../src/offers.ts";
import { settingsOf } from "../src/settings.ts";
import { usableUrl } from "../src/usable-url.ts";

const offered = (options: JoinOptions, url = "lekt://host") => {
  const settings = settingsOf(url, options);
  return offersFor(settings.offers, settings.home);
};
const fault = (options: unknown) => {
  try {
    settingsOf("lekt://host", options as JoinOptions);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("what a client offers", () => {
  const always = [METHOD.server, METHOD.resume, METHOD.update, METHOD.session];

  test("nothing but wishes to the server where nothing was asked for", () => {
    expect([...offered({}).keys()].sort()).toEqual([METHOD.hold, ...always].sort());
    expect([...offered({ holdMs: 0 }).keys()].sort()).toEqual(always.sort());
  });

  test("everything", () => {
    const identity = new Uint8Array(32).fill(7);
    const offers = offered(
      {
        name: "Zoë",
        data: Uint8Array.of(1, 2),
        identity,
        token: "secret",
        tcp: 4_000,
        udp: { port: 0, endpoints: [{ address: "192.0.2.1", port: 9 }] },
        relay: true,
        watch: true,
        holdMs: 1_000,
        payloads: new Map([
          [40, Uint8Array.of(9)],
          [METHOD.webrtc, new Uint8Array(0)],
        ]),
      },
      "lekt://host/caf%C3%A9",
    );
    expect(new Map([...offers].map(([index, payload]) => [index, [...payload]]))).toEqual(
      new Map([
        [METHOD.name, [...encodeUtf8("Zoë")]],
        [METHOD.data, [1, 2]],
        [METHOD.identity, [...identity]],
        [METHOD.token, [...encodeUtf8("secret")]],
        [METHOD.tcp, [0x0f, 0xa0]],
        [METHOD.udp, [1, 0, 0, 4, 192, 0, 2, 1, 0, 9]],
        [METHOD.relay, []],
        [METHOD.watch, []],
        [METHOD.hold, [0, 0, 3, 0xe8]],
        [METHOD.server, []],
        [METHOD.session, []],
        [METHOD.resume, []],
        [METHOD.update, []],
        [METHOD.webrtc, []],
        [40, [9]],
        [METHOD.network, [...encodeUtf8("café")]],
      ]),
    );
  });

  test("the network is that of the URL, also of one to move to", () => {
    const { offers } = settingsOf("lekt://host/a", {});
    expect(offersFor(offers, usableUrl("lekt://other/b")).get(METHOD.network)).toEqual(encodeUtf8("b"));
    expect(offersFor(offers, usableUrl("lekt://other")).has(METHOD.network)).toBe(false);
  });

  test("bytes are copied", () => {
    const data = Uint8Array.of(1);
    const offers = offered({ data });
    data[0] = 2;
    expect(offers.get(METHOD.data)).toEqual(Uint8Array.of(1));
  });
});

describe("LEKT_OPTION names option and value", () => {
  test.each([
    [{ name: "" }, /name cannot be "".*empty/],
    [{ name: "x".repeat(65) }, /name cannot be "x+".*64/],
    [{ name: "a\u001b[2J" }, /name cannot be "a\\u\{1b\}\[2J".*control/],
    [{ name: 5 }, /name cannot be number/],
    [{ payloads: { 40: new Uint8Array(0) } }, /payloads cannot be object.*Map/],
    [{ data: new Uint8Array(1_025) }, /data cannot be 1025 bytes/],
    [{ data: "text" }, /data cannot be string/],
    [{ identity: new Uint8Array(31) }, /identity cannot be 31 bytes/],
    [{ tcp: 65_536 }, /tcp cannot be 65536/],
    [{ tcp: 1.5 }, /tcp cannot be 1\.5/],
    [{ udp: { port: 1, endpoints: [{ address: "nowhere", port: 1 }] } }, /udp cannot be .*nowhere/],
    [{ payloads: new Map([[0, new Uint8Array(0)]]) }, /payloads cannot be a map with the index 0/],
    [{ payloads: new Map([[1_025, new Uint8Array(0)]]) }, /index 1025/],
    [{ payloads: new Map([[20, Uint8Array.of(65)]]) }, /method 20 \(name\).*use the option name/],
    [{ payloads: new Map([[17, Uint8Array.of(65)]]) }, /method 17 \(network\).*path of the URL/],
    [{ payloads: new Map([[4, Uint8Array.of(65)]]) }, /method 4 \(webrtc\).*1 bytes.*empty/],
    [{ holdMs: -1 }, /holdMs cannot be -1/],
    [{ backoffBaseMs: Number.NaN }, /backoffBaseMs cannot be NaN/],
    [{ maxPeers: 0 }, /maxPeers cannot be 0/],
    [{ staleGraceMs: 2 ** 31 }, /staleGraceMs cannot be 2147483648/],
    [{ connectTimeoutMs: "5" }, /connectTimeoutMs cannot be 5/],
  ])("%j", (options, message) => {
    expect(fault(options)).toMatchObject({ code: "LEKT_OPTION", message: expect.stringMatching(message) });
  });

  test("never a token", () => {
    const error = fault({ token: 12345 });
    expect(error).toMatchObject({ code: "LEKT_OPTION" });
    expect(String(error)).not.toContain("12345");
  });
});

describe("LEKT_URL", () => {
  test.each([
    ["host", /scheme/],
    ["http://host", /scheme/],
    ["lekts://host", /lekt:\/\/ only/],
    ["ws://host", /lekt:\/\/ only/],
    ["wss://host", /lekt:\/\/ only/],
    ["lekt://host:0", /port/],
    ["lekt://host/a/b", /one segment/],
    ["lekt://host/#key=secret", /key behind its # is damaged/],
    [`lekt://host/#key=${"secret9".repeat(6)}A&later=x`, /behind a # that this version does not know/],
    ["lekt://host/#secret", /behind a # that this version does not know/],
  ])("%s", (url, message) => {
    expect(() => settingsOf(url, {})).toThrow(expect.objectContaining({ code: "LEKT_URL" }));
    expect(() => settingsOf(url, {})).toThrow(message);
    expect(() => settingsOf(url, {})).not.toThrow(/secret/);
  });

  test("a network key is kept, and no part of what the server is told", () => {
    const networkKey = new Uint8Array(32).fill(0xfb);
    const url = `lekt://host/a#${networkKeyFragment(networkKey)}`;
    expect(settingsOf(url, {}).home.networkKey).toEqual(networkKey);
    expect(offered({}, url).get(METHOD.network)).toEqual(encodeUtf8("a"));
  });

  test("an empty fragment means nothing", () => {
    expect(settingsOf("lekt://host/a#", {}).home.network).toBe("a");
  });
});
