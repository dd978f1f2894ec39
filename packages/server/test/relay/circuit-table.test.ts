import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { CircuitTable, type CircuitTableOptions, LONELY_MS } from "../../src/relay/circuit-table.ts";
import { mintCircuitToken } from "../../src/relay/circuit-token.ts";

const KEY = randomBytes(32);
const NOW = 1_774_483_200;

/** A relay's table with a clock that stands still until a test moves it. */
class Desk {
  nowMs = 1_000;
  unixSeconds = NOW;
  readonly table: CircuitTable<string>;

  constructor(options: Partial<CircuitTableOptions> = {}) {
    this.table = new CircuitTable({ key: KEY, maxCircuits: 100, maxCircuitsPerAddress: 100, ...options });
  }

  /** @returns "waits", "with NAME", or the Reject. */
  arrive(name: string, token: Uint8Array, address = 1): string {
    const verdict = this.table.arrived(name, token, address, this.nowMs, this.unixSeconds);
    if (verdict.type === "refused") return `${verdict.word}: ${verdict.text}`;
    return verdict.type === "waits" ? "waits" : `with ${verdict.partner}`;
  }
}

function token(expires = NOW + 120): Uint8Array {
  return mintCircuitToken(KEY, expires, randomBytes(12));
}

describe("two connections with one token", () => {
  test("are a pair", () => {
    const desk = new Desk();
    const t = token();
    expect(desk.arrive("ada", t)).toBe("waits");
    expect(desk.arrive("bob", Uint8Array.from(t))).toBe("with ada");
    expect(desk.table.connections).toBe(2);
    expect(desk.table.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("of two tokens are none", () => {
    const desk = new Desk();
    expect(desk.arrive("ada", token())).toBe("waits");
    expect(desk.arrive("bob", token())).toBe("waits");
  });

  test("let no third one in, while they are there and after", () => {
    const desk = new Desk();
    const t = token();
    desk.arrive("ada", t);
    desk.arrive("bob", t);
    expect(desk.arrive("eve", t)).toMatch(/^auth: two connections came/);
    desk.table.left("ada");
    expect(desk.arrive("eve", t)).toMatch(/^auth: two connections came/);
    desk.table.left("bob");
    expect(desk.arrive("eve", t)).toMatch(/^auth: two connections came/);
    desk.unixSeconds = NOW + 121;
    expect(desk.arrive("eve", t)).toMatch(/^timeout: this token has expired/);
    expect(desk.table.connections).toBe(0);
  });

  test("may be paired in the token's last second, and not later", () => {
    const desk = new Desk();
    const [t, late] = [token(NOW), token(NOW - 1)];
    desk.arrive("ada", t);
    expect(desk.arrive("bob", t)).toBe("with ada");
    expect(desk.arrive("eve", late)).toMatch(/^timeout: /);
  });
});

describe("a token that is not of this relay", () => {
  test("gets nobody in, and costs no room", () => {
    const desk = new Desk({ maxCircuits: 1 });
    const forged = mintCircuitToken(randomBytes(32), NOW + 120, randomBytes(12));
    for (const guess of [forged, randomBytes(32), new Uint8Array(32)]) {
      expect(desk.arrive("eve", guess)).toMatch(/^auth: this token is not/);
    }
    expect(desk.table.connections).toBe(0);
    expect(desk.arrive("ada", token())).toBe("waits");
  });
});

describe("who waits", () => {
  test("waits for ten seconds, and is told then", () => {
    const desk = new Desk();
    const t = token();
    desk.arrive("ada", t);
    desk.nowMs += 5;
    desk.arrive("bob", token());
    expect(desk.table.deadlineMs).toBe(1_000 + LONELY_MS);
    expect(desk.table.takeLonely(1_000 + LONELY_MS - 1)).toEqual([]);
    expect(desk.table.takeLonely(1_000 + LONELY_MS)).toEqual(["ada"]);
    expect(desk.table.takeLonely(1_000 + LONELY_MS + 5)).toEqual(["bob"]);
    expect(desk.table.connections).toBe(0);
    expect(desk.arrive("ada again", t)).toBe("waits");
  });

  test("and leaves is not there for the second one", () => {
    const desk = new Desk();
    const t = token();
    desk.arrive("ada", t);
    desk.table.left("ada");
    expect(desk.arrive("bob", t)).toBe("waits");
    expect(desk.arrive("ada", t)).toBe("with bob");
  });

  test("is told when the relay goes down", () => {
    const desk = new Desk();
    const t = token();
    desk.arrive("ada", t);
    desk.arrive("bob", t);
    desk.arrive("carl", token());
    expect(desk.table.takeWaiting()).toEqual(["carl"]);
    expect(desk.table.connections).toBe(2);
  });
});

describe("limits", () => {
  test("so many circuits and no more; a second connection needs no room, and who leaves makes some", () => {
    const desk = new Desk({ maxCircuits: 2 });
    const [t, u] = [token(), token()];
    desk.arrive("ada", t);
    desk.arrive("bob", u);
    expect(desk.arrive("carl", token())).toBe("limit: this relay is full (2 circuits)");
    expect(desk.arrive("dora", t)).toBe("with ada");
    expect(desk.arrive("carl", token())).toMatch(/^limit: /);
    desk.table.left("ada");
    expect(desk.arrive("carl", token())).toMatch(/^limit: /);
    desk.table.left("dora");
    expect(desk.arrive("carl", token())).toBe("waits");
  });

  test("so many connections of one address and no more; others have their own", () => {
    const desk = new Desk({ maxCircuitsPerAddress: 2 });
    const t = token();
    desk.arrive("ada", t);
    desk.arrive("bob", token());
    expect(desk.arrive("carl", t)).toMatch(/^limit: 2 connections of your address/);
    expect(desk.arrive("dora", t, 2)).toBe("with ada");
    desk.table.left("bob");
    expect(desk.arrive("carl", token())).toBe("waits");
  });

  test("so many tokens are remembered and no more; those that expire make room", () => {
    const desk = new Desk({ maxUsedTokens: 2 });
    for (const n of [1, 2]) {
      const t = token(NOW + n);
      desk.arrive(`a${n}`, t);
      expect(desk.arrive(`b${n}`, t)).toBe(`with a${n}`);
    }
    expect(desk.arrive("eve", token())).toBe("limit: too many circuits were made of late");
    desk.unixSeconds = NOW + 2;
    expect(desk.arrive("ada", token())).toBe("waits");
    expect(desk.arrive("bob", token())).toMatch(/^limit: /);
  });
});
