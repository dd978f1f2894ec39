import { describe, expect, test } from "vitest";
import {
  MAX_SECURING_OF_ONE_ADDRESS,
  MAX_SECURING_PATHS,
  originOf,
  SecuringLimit,
} from "../../src/peers/securing-limit.ts";

describe("accepted paths that are being secured", () => {
  test("are so many of one origin, and others besides", () => {
    const limit = new SecuringLimit();
    for (let i = 0; i < MAX_SECURING_OF_ONE_ADDRESS; i++) expect(limit.take("one")).toBe(true);
    expect(limit.take("one")).toBe(false);
    expect(limit.take("other")).toBe(true);
    limit.giveBack("one");
    expect(limit.take("one")).toBe(true);
    expect(limit.take("one")).toBe(false);
  });

  test("are so many of all", () => {
    const limit = new SecuringLimit();
    for (let i = 0; i < MAX_SECURING_PATHS; i++) expect(limit.take(i)).toBe(true);
    expect(limit.take("one more")).toBe(false);
    limit.giveBack(0);
    expect(limit.take("one more")).toBe(true);
    expect(limit.take("another")).toBe(false);
  });
});

describe("the origin of a path", () => {
  const path = { stream: undefined, dialled: "there", local: "", relayed: false } as const;
  const origin = (remote: string, by?: string, relayed = false) =>
    originOf({ ...path, remote, relayed }, by === undefined ? undefined : { identity: by, attempt: "" });

  test("is the address, whatever the port and whoever it may be", () => {
    expect(origin("192.0.2.1:1")).toBe(origin("192.0.2.1:2", "ada"));
    expect(origin("192.0.2.1:1")).not.toBe(origin("192.0.2.2:1"));
  });

  test("is the /64 of an IPv6 address: who has one has them all", () => {
    expect(origin("[2001:db8::1]:1")).toBe(origin("[2001:db8::ffff:2]:1"));
    expect(origin("[2001:db8::1]:1")).not.toBe(origin("[2001:db8:0:1::1]:1"));
  });

  test("is who signalled it where it comes through a relay, so that one peer does not shut out the others", () => {
    expect(origin("192.0.2.1:1", "ada", true)).not.toBe(origin("192.0.2.1:1", "eve", true));
    expect(origin("192.0.2.1:1", "ada", true)).toBe(origin("192.0.2.9:1", "ada", true));
  });

  test("is known where the address is not", () => {
    expect(origin("?:?")).toBe("?");
  });
});
