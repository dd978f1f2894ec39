import { expect, it } from "vitest";
import { PortWalk } from "../../src/udp/port-walk.ts";

it("goes through all ports from 1024 up before one comes again, wherever it starts", () => {
  for (const start of [0, 1, 64_511, 4_294_967_295]) {
    const walk = new PortWalk(start);
    const ports = new Set<number>();
    for (let i = 0; i < 64_512; i++) ports.add(walk.next());
    expect(ports.size).toBe(64_512);
    expect([...ports].reduce((least, port) => Math.min(least, port))).toBe(1_024);
    expect([...ports].reduce((most, port) => Math.max(most, port))).toBe(65_535);
  }
});

it("meets a few hundred ports in a row soon: some translators give out ports in a row", () => {
  for (let first = 1_024; first < 65_000; first += 3_001) {
    const walk = new PortWalk(12_345);
    let tries = 1;
    for (let port = walk.next(); port < first || port >= first + 256; port = walk.next()) tries++;
    expect(tries).toBeLessThan(700);
  }
});
