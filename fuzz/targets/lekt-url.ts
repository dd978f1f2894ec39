import { isIPv6 } from "node:net";
import { encodeUtf8, formatLektUrl, LektError, type LektUrl, parseLektUrl, safeText } from "@lekt/protocol";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { ODD_CHARACTERS, textOf, words } from "./text-input.ts";
import { urlVectors } from "./vector-seeds.ts";

const SECRET_LENGTH = 6;
const KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

export function lektUrlTarget(name: string, parse: (text: string) => LektUrl = parseLektUrl): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const text = textOf(bytes);
    let url: LektUrl;
    try {
      url = parse(text);
    } catch (error) {
      check(
        error instanceof LektError && error.code === "LEKT_URL",
        `it throws something else: ${String(error)}`,
      );
      note(error.message.slice(error.message.lastIndexOf('"')));
      checkMessage(error.message, text);
      return;
    }
    note(`${url.scheme} ${url.port === 15_358} ${url.network === undefined} ${url.fragment === undefined}`);
    checkUrl(url, text);
    const written = formatLektUrl(url);
    check(
      JSON.stringify(parse(written)) === JSON.stringify(url),
      `written and parsed anew it is another URL: ${written}`,
    );
    check(formatLektUrl(parse(written)) === written, "the shortest form has a shorter one");
  };
  return {
    name,
    oracle:
      "what is parsed keeps the grammar and is the same when written and parsed anew; messages tell no secrets",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 2_100,
    dictionary: [
      ...words(
        "lekt://",
        "lekts://",
        "WSS://",
        "[::1]",
        ":",
        ":65535",
        ":0",
        "/",
        "//",
        "#",
        "?",
        "@",
        "\\",
        "%2F",
      ),
      ...words(
        "%2E",
        "%00",
        "%C3%A9",
        "%FF",
        "%",
        "..",
        ".",
        "xn--",
        "#secret=tokentoken",
        "&key=",
        `#key=${KEY_TEXT}`,
        "user:password@",
        "é",
      ),
      ...ODD_CHARACTERS,
    ],
    seeds: () =>
      words(...urlVectors(), "lekt://a/b#secret=tokentoken", "lekt://u:password@a/").map((bytes) =>
        inputOf(bytes),
      ),
    run,
  };
}

function checkMessage(message: string, text: string): void {
  check(message.length < 1_200, "the message is long");
  check(safeText(message) === message, "the message has unsafe characters in it");
  const hash = text.indexOf("#");
  const fragment = hash < 0 ? "" : text.slice(hash + 1);
  for (const secret of secretsOf(fragment)) {
    if (text.slice(0, hash).includes(secret)) continue;
    check(!message.includes(secret), `the message tells of the fragment: ${secret}`);
  }
  const user = /^[^/?#]*:\/\/([^/?#]*)@/.exec(text)?.[1] ?? "";
  for (const secret of secretsOf(user)) {
    if (text.indexOf(secret) !== text.lastIndexOf(secret)) continue;
    check(!message.includes(secret), `the message tells of the user: ${secret}`);
  }
}

/** Stretches that nobody could mean by chance. */
function secretsOf(text: string): string[] {
  return (
    text.match(/[a-z0-9]{6,}/gi)?.filter(({ length }) => length >= SECRET_LENGTH && text.length < 300) ?? []
  );
}

/** The grammar of spec 2.2, as far as it can be told from the result. */
function checkUrl(url: LektUrl, text: string): void {
  check(["lekt", "lekts", "ws", "wss"].includes(url.scheme), "an unknown scheme");
  check(url.secure === (url.scheme === "lekts" || url.scheme === "wss"), "secure is told wrongly");
  check(url.port >= 1 && url.port <= 65_535 && Number.isInteger(url.port), `port ${url.port}`);
  check(url.host === url.host.toLowerCase(), "the host is not in lower case");
  const labels = url.host.replace(/\.$/, "").split(".");
  const isName = labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label)) && url.host.length <= 253;
  check(isIPv6(url.host) || isName, `the host keeps no rule of a host: ${url.host}`);
  if (/^[0-9.]+$/.test(url.host))
    check(/^(\d{1,3}\.){3}\d{1,3}$/.test(url.host), `the host keeps no rule of a host: ${url.host}`);
  check(text.length <= 2_048, "too long a text");
  check(
    (url.fragment ?? "") === (text.includes("#") ? text.slice(text.indexOf("#") + 1) : ""),
    "another fragment",
  );
  const keys = (url.fragment ?? "").split("&").filter((pair) => pair.startsWith("key="));
  const keyText = url.networkKey && Buffer.from(url.networkKey).toString("base64url");
  check(
    keys.length <= 1 && keys[0] === (keyText === undefined ? undefined : `key=${keyText}`),
    "another network key",
  );
  const { network } = url;
  if (network === undefined) return;
  const { length } = encodeUtf8(network);
  check(length >= 1 && length <= 255, `a network of ${length} bytes`);
  check(!/[\p{Cc}\p{Cs}]/u.test(network), "control characters in the network's name");
  check(network !== "." && network !== "..", "a network that URL libraries drop");
}
