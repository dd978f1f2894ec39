import { describe, expect, it } from "vitest";
import {
  MAX_PORT_SEARCHES,
  MAX_PORT_SEARCHES_OF_AN_ADDRESS,
  MAX_SOCKET_SEARCHES,
  PortSearches,
} from "../../src/udp/port-searches.ts";
import type { PunchOptions } from "../../src/udp/punch.ts";

const OPTIONS: PunchOptions = {
  role: "accepting",
  attempt: "00112233aabbccdd",
  secret: new Uint8Array(32),
  cookieKey: new Uint8Array(32),
  targets: [],
  openingTtl: 4,
  answersTo: () => 0,
  manySockets: "there",
  rosterAddress: "203.0.113.7",
  nowMs: 0,
  durationMs: 1,
  random: 0,
};

function at(address: number): PunchOptions {
  return { ...OPTIONS, rosterAddress: `203.0.113.${address}` };
}

describe("searches for a port", () => {
  it("are so many with many sockets, and one more where one has ended", () => {
    const searches = new PortSearches();
    const here = { ...OPTIONS, manySockets: "here" } as const;
    const running = Array.from({ length: MAX_SOCKET_SEARCHES }, () => searches.begin(here));
    expect(running.map((search) => search?.options.manySockets)).toEqual(running.map(() => "here"));
    expect(searches.begin(here)).toBeUndefined();
    running[0]?.end();
    expect(searches.begin(here)?.options).toEqual(here);
  });

  it("at one address are so many; further attempts do without", () => {
    const searches = new PortSearches();
    const kinds = () => searches.begin(at(7))?.options.manySockets;
    const first = searches.begin(at(7));
    for (let i = 1; i < MAX_PORT_SEARCHES_OF_AN_ADDRESS; i++) expect(kinds()).toBe("there");
    expect(kinds()).toBe("neither");
    expect(searches.begin(at(8))?.options.manySockets).toBe("there");
    first?.end();
    expect(kinds()).toBe("there");
    expect(kinds()).toBe("neither");
  });

  it("at all addresses are so many", () => {
    const searches = new PortSearches();
    for (let i = 0; i < MAX_PORT_SEARCHES; i++) {
      expect(searches.begin(at(i))?.options.manySockets).toBe("there");
    }
    expect(searches.begin(at(200))?.options.manySockets).toBe("neither");
  });

  it("that nobody asked for are not counted", () => {
    const searches = new PortSearches();
    for (let i = 0; i <= MAX_PORT_SEARCHES; i++) {
      searches.begin({ ...OPTIONS, manySockets: "neither" });
      searches.begin({ ...OPTIONS, rosterAddress: undefined });
    }
    expect(searches.begin(OPTIONS)?.options.manySockets).toBe("there");
  });
});
