import { type ClientObject, METHOD, parseIpv6, pseudoAddress } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { OwnEntry, type OwnFacts } from "../src/own-entry.ts";
import { clientObject, named } from "./roster-objects.ts";

const NAME = Uint8Array.of(65);
const ID = new Uint8Array(32).fill(1);

function find(facts: Partial<OwnFacts>, objects: readonly ClientObject[], earlier?: number) {
  const own = new OwnEntry({
    offers: new Map([
      [METHOD.name, NAME],
      [METHOD.hold, new Uint8Array(4)],
      [METHOD.token, ID],
    ]),
    asked: [METHOD.name, METHOD.hold],
    toldAddress: undefined,
    toldSession: undefined,
    localAddress: undefined,
    ...facts,
  });
  const keyed = objects.map((object, i) => [`${i}`, object] as const);
  const key = own.find(keyed, earlier === undefined ? undefined : `${earlier}`);
  return key === undefined ? undefined : Number(key);
}

const withName = (ip: string) => clientObject(ip, { [METHOD.name]: NAME });

describe("a server that told the address", () => {
  test("address and published payloads, private ones left out", () => {
    const objects = [named("B", "192.0.2.1"), withName("192.0.2.2"), withName("192.0.2.1")];
    expect(find({ toldAddress: "192.0.2.1" }, objects)).toBe(2);
    expect(find({ toldAddress: "::ffff:192.0.2.2" }, objects)).toBe(1);
  });

  test("the session goes before what only looks alike, such as an earlier connection that still stands", () => {
    const session = (name: number, first: number) =>
      clientObject("192.0.2.1", {
        [METHOD.name]: Uint8Array.of(name),
        [METHOD.session]: Uint8Array.of(first, 0, 0, 0, 0, 0, 0, 0),
      });
    const facts = { toldAddress: "192.0.2.1", toldSession: "0200000000000000" };
    expect(find(facts, [session(65, 1), session(66, 2)])).toBe(1);
    expect(find(facts, [session(65, 1), session(66, 3)])).toBe(0);
  });

  test("what the server did not ask for is not expected", () => {
    const objects = [withName("192.0.2.1"), clientObject("192.0.2.1")];
    expect(find({ toldAddress: "192.0.2.1", asked: [] }, objects)).toBe(1);
  });

  test("IPv6: pseudo address and the attribute", () => {
    const ipv6 = parseIpv6("2001:db8::7") as Uint8Array;
    const other = parseIpv6("2001:db8::8") as Uint8Array;
    const ip = pseudoAddress(ipv6);
    const objects = [other, ipv6].map((payload) => ({
      ip,
      methods: [
        { index: METHOD.name, payload: NAME },
        { index: METHOD.ipv6, payload },
      ],
    }));
    expect(find({ toldAddress: "2001:db8::7" }, objects)).toBe(1);
  });
});

describe("a plain server", () => {
  const withIdentity = (ip: string, name = NAME) =>
    clientObject(ip, { [METHOD.identity]: ID, [METHOD.name]: name });
  const identityFacts = {
    offers: new Map([
      [METHOD.name, NAME],
      [METHOD.identity, ID],
    ]),
    asked: [METHOD.identity, METHOD.name],
  };

  test("the one with the own identity, whatever else it shows", () => {
    const objects = [withName("192.0.2.1"), withIdentity("192.0.2.9", Uint8Array.of(66))];
    expect(find(identityFacts, objects)).toBe(1);
  });

  test("of several with it, the one that shows the same else", () => {
    const objects = [withIdentity("192.0.2.1", Uint8Array.of(66)), withIdentity("192.0.2.2")];
    expect(find(identityFacts, objects)).toBe(1);
    const twins = [withIdentity("192.0.2.1"), withIdentity("192.0.2.2")];
    expect(find(identityFacts, twins)).toBe(undefined);
    expect(find({ ...identityFacts, localAddress: "192.0.2.2" }, twins)).toBe(1);
  });

  test("the own address of the connection and equal payloads", () => {
    const objects = [withName("192.0.2.1"), withName("192.0.2.2"), named("B", "192.0.2.2")];
    expect(find({ localAddress: "192.0.2.2" }, objects)).toBe(1);
    expect(find({ localAddress: "::ffff:192.0.2.2" }, objects)).toBe(1);
  });

  test("the only one with equal payloads", () => {
    expect(find({ localAddress: "10.0.0.1" }, [named("B"), withName("192.0.2.2")])).toBe(1);
    expect(find({ localAddress: "10.0.0.1" }, [named("B")])).toBe(undefined);
  });

  test("where two could be it, it cannot be told, unless one of them was it before", () => {
    const objects = [withName("192.0.2.1"), withName("192.0.2.2")];
    expect(find({}, objects)).toBe(undefined);
    expect(find({}, objects, 1)).toBe(1);
  });
});
