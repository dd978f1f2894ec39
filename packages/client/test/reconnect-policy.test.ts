import {
  LektError,
  type LektErrorCode,
  REJECT_WORDS,
  type RejectWord,
  rejectErrorCode,
} from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { type ConnectionEnd, ReconnectPolicy } from "../src/reconnect-policy.ts";
import { usableUrl } from "../src/usable-url.ts";

const HOME = "lekt://home.example/net";

function policy(options: { waitForServer?: boolean } = {}) {
  return new ReconnectPolicy({
    home: usableUrl(HOME),
    waitForServer: options.waitForServer ?? false,
    baseMs: 250,
    capMs: 30_000,
    random: () => 1,
  });
}

const failed = (code: LektErrorCode): ConnectionEnd => ({
  error: new LektError(code, "It failed."),
  broughtRoster: false,
});
const lost: ConnectionEnd = {
  error: new LektError("LEKT_CONNECTION_LOST", "Lost."),
  onlineMs: 5,
  broughtRoster: true,
};
const rejected = (word: RejectWord | "unknown", text = "why", onlineMs?: number): ConnectionEnd => ({
  error: new LektError(rejectErrorCode(word), "Refused."),
  word,
  text,
  broughtRoster: false,
  ...(onlineMs !== undefined && { onlineMs }),
});
const moved = (url: string, onlineMs?: number) => rejected("moved", url, onlineMs);

describe("what follows the end of a connection", () => {
  test.each(REJECT_WORDS.filter((word) => word !== "moved"))("Reject %s, after a good connection", (word) => {
    const retried = ["limit", "rate", "timeout", "shutdown", "internal"].includes(word);
    const subject = policy();
    subject.after(lost);
    expect(subject.after(rejected(word)).type).toBe(retried ? "wait" : "give-up");
  });

  test("a word that is not known: gives up", () => {
    const subject = policy();
    subject.after(lost);
    expect(subject.after(rejected("unknown")).type).toBe("give-up");
  });

  test.each([
    ["LEKT_CONNECT", "wait"],
    ["LEKT_TIMEOUT", "wait"],
    ["LEKT_CONNECTION_LOST", "wait"],
    ["LEKT_NOT_LEKT", "wait"],
    ["LEKT_PROTOCOL", "wait"],
    ["LEKT_VERSION", "give-up"],
    ["LEKT_ROSTER_LIMIT", "give-up"],
    ["LEKT_TOKEN_INSECURE", "give-up"],
  ] as const)("%s after a good connection: %s", (code, type) => {
    const subject = policy();
    subject.after(lost);
    expect(subject.after(failed(code)).type).toBe(type);
  });

  test.each(["LEKT_CONNECT", "LEKT_TIMEOUT", "LEKT_CONNECTION_LOST"] as const)(
    "%s at first: the answer, or tried again where the server is waited for",
    (code) => {
      const end = failed(code);
      expect(policy().after(end)).toEqual({ type: "give-up", error: end.error });
      expect(policy({ waitForServer: true }).after(end).type).toBe("wait");
    },
  );

  test.each(["LEKT_NOT_LEKT", "LEKT_PROTOCOL", "LEKT_VERSION", "LEKT_ROSTER_LIMIT"] as const)(
    "%s at first: final, whether the server is waited for or not",
    (code) => {
      expect(policy({ waitForServer: true }).after(failed(code)).type).toBe("give-up");
    },
  );

  test("a Reject that is tried again later is final for who does not wait", () => {
    expect(policy().after(rejected("limit")).type).toBe("give-up");
    expect(policy({ waitForServer: true }).after(rejected("limit")).type).toBe("wait");
    expect(policy({ waitForServer: true }).after(rejected("auth")).type).toBe("give-up");
  });
});

describe("backoff", () => {
  test("grows with every failure, starts again after a roster", () => {
    const subject = policy();
    const delays = [lost, failed("LEKT_CONNECT"), failed("LEKT_CONNECT"), lost].map((end) => {
      const step = subject.after(end);
      return step.type === "wait" ? step.delayMs : undefined;
    });
    expect(delays).toEqual([250, 500, 1_000, 250]);
  });

  test("a setup alone does not start it again, a long time online does", () => {
    const subject = policy({ waitForServer: true });
    const brief = { ...lost, broughtRoster: false };
    expect(subject.after(brief)).toEqual({ type: "wait", delayMs: 500 });
    expect(subject.after(brief)).toEqual({ type: "wait", delayMs: 1_000 });
    expect(subject.after({ ...brief, onlineMs: 10_000 })).toEqual({ type: "wait", delayMs: 250 });
  });
});

describe("moves", () => {
  test("goes there at once, also at first", () => {
    const subject = policy();
    expect(subject.target.host).toBe("home.example");
    expect(subject.after(moved("lekt://b.example/other"))).toEqual({ type: "connect" });
    expect(subject.target).toMatchObject({ host: "b.example", network: "other" });
  });

  test("three in a row, not four", () => {
    const subject = policy();
    for (const host of ["b", "c", "d"]) expect(subject.after(moved(`lekt://${host}`)).type).toBe("connect");
    const step = subject.after(moved("lekt://e"));
    expect(step).toMatchObject({ type: "give-up", error: { code: "LEKT_MOVED_TOO_OFTEN" } });
  });

  test("a finished setup in between counts as arrived, and the next move waits a moment", () => {
    const subject = policy();
    for (let i = 0; i < 20; i++) {
      expect(subject.after(moved(`lekt://host${i}`, 5)).type).toBe("wait");
      expect(subject.target.host).toBe(`host${i}`);
    }
  });

  test.each([
    "",
    "nonsense",
    "lekts://b.example",
    "ws://b.example",
    "lekt://b.example/#key=x",
    `lekt://b.example/#key=${"A".repeat(43)}`,
    "http://b.example",
  ])("to %j: gives up", (text) => {
    const step = policy().after(moved(text));
    expect(step).toMatchObject({ type: "give-up", error: { code: "LEKT_REJECT_MOVED" } });
  });

  test("when the new server fails, old and new are tried in turn", () => {
    const subject = policy();
    subject.after(moved("lekt://b.example"));
    subject.after(lost);
    const hosts = [1, 2, 3, 4].map(() => {
      const { host } = subject.target;
      subject.after(failed("LEKT_CONNECT"));
      return host;
    });
    expect(hosts).toEqual(["b.example", "home.example", "b.example", "home.example"]);
  });
});
