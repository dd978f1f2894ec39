import { decodeServerInfo, encodeServerInfo, encodeUtf8, type ServerInfo } from "@lekt/protocol";
import { strictText } from "@lekt/testkit";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { words } from "./text-input.ts";

const KNOWN = ["you", "heartbeatSeconds", "relay", "stun"];
const WHOLE: ServerInfo = {
  you: { address: "203.0.113.7", port: 40_000, session: "0123456789abcdef" },
  heartbeatSeconds: 10,
  relay: "r:1",
  stun: ["s:2"],
};

export function serverInfoTarget(name: string): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const info = decodeServerInfo(bytes);
    const json = objectOf(bytes);
    check((info === undefined) === (json === undefined), "judged otherwise than by JSON.parse");
    if (!info || !json) return;
    note(`${Object.keys(info)} ${typeof info.relay} ${info.stun?.length}`);
    check(
      Object.keys(info).every((key) => KNOWN.includes(key)),
      `keys ${Object.keys(info)}`,
    );
    checkShapes(info);
    for (const key of KNOWN) {
      const value = (info as Record<string, unknown>)[key];
      // A list of STUN responders may lose items, `you` keys that are not known.
      if (key === "relay" || key === "heartbeatSeconds") {
        check(value === undefined || isSame(value, json[key]), `${key} has another value`);
      }
    }
    if (info.you && info.heartbeatSeconds && info.relay !== undefined && info.stun) {
      check(
        isSame(decodeServerInfo(encodeServerInfo(info as ServerInfo)), info),
        "written anew it is another one",
      );
    }
  };
  return {
    name,
    oracle: "never throws, gives known keys of the right shape alone, and those that were there",
    takesSplits: false,
    takesCalls: false,
    dictionary: words(
      ...KNOWN.map((key) => `"${key}":`),
      '"session":"',
      "null",
      "[]",
      "{}",
      '""',
      "1e999",
      "-0",
      ",",
      "__proto__",
    ),
    seeds: () => [
      inputOf(encodeServerInfo(WHOLE)),
      ...words(
        '{"you":{"address":"::1","port":1}}',
        '{"heartbeatSeconds":1e-9}',
        "[]",
        "null",
        '{"__proto__":{"relay":"x"}}',
      ).map((bytes) => inputOf(bytes)),
      inputOf(encodeUtf8(JSON.stringify({ ...WHOLE, relay: null, stun: [1, "a", null] }))),
    ],
    run,
  };
}

function objectOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  const text = strictText(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function checkShapes(info: Partial<ServerInfo>): void {
  const { you, heartbeatSeconds, relay, stun } = info;
  if (you) {
    check(typeof you.address === "string", "an address that is no text");
    check(you.port >>> 0 === you.port && you.port < 65_536, "a port that is none");
    check(you.session === undefined || typeof you.session === "string", "a session that is no text");
  }
  if (heartbeatSeconds !== undefined)
    check(heartbeatSeconds > 0 && heartbeatSeconds <= 86_400, "an odd heartbeat");
  check(relay === undefined || relay === null || typeof relay === "string", "a relay that is no text");
  check(
    stun === undefined || stun.every((item) => typeof item === "string"),
    "a STUN responder that is no text",
  );
}
