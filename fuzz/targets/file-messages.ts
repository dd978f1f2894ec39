import { LektError, safeText } from "@lekt/protocol";
import { type Message, parseMessage } from "../../packages/cli/src/files/file-messages.ts";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { editedJson } from "./json-edits.ts";
import { ODD_CHARACTERS, words } from "./text-input.ts";

const MESSAGES = [
  '{"type":"transfer","version":1,"files":2,"bytes":30}',
  `{"type":"file","path":["photos","a.jpg"],"size":20,"sha256":"${"0a".repeat(32)}"}`,
  '{"type":"end"}',
  '{"type":"gaveUp","reason":"it changed"}',
  '{"type":"ready"}',
  '{"type":"from","offset":0}',
  '{"type":"stored","name":"photos/a.jpg","already":true}',
  '{"type":"refused","reason":"\\u001b[31m"}',
  '{"type":"toString"}',
  '{"__proto__":{"type":"end"}}',
  "[]",
];

type Json = Readonly<Record<string, unknown>>;

export function fileMessagesTarget(
  name: string,
  parse: (bytes: Uint8Array) => Message = parseMessage,
): FuzzTarget {
  const run = (input: FuzzInput, note: Note) => {
    const bytes = editedJson(input.bytes, input.calls);
    let message: Message | undefined;
    try {
      message = parse(bytes);
    } catch (error) {
      const isExpected = error instanceof LektError && error.code === "LEKT_TRANSFER";
      check(isExpected, `it throws something else: ${String(error)}`);
      check(safeText(error.message) === error.message && error.message.length < 200, "an unsafe message");
    }
    note(`${message?.type}`);
    const expected = naiveMessage(bytes);
    check((message === undefined) === (expected === undefined), "judged otherwise");
    if (!message || !expected) return;
    check(isSame({ ...message }, expected), `read otherwise: ${JSON.stringify(message)}`);
  };
  return {
    name,
    oracle: "messages are judged and read as docs/files.md says, with nothing in them that harms when shown",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 1_500,
    dictionary: [
      ...words(
        '"type":',
        '"reason":"',
        '"path":[',
        '""',
        "null",
        "[]",
        "{}",
        "-1",
        "-0",
        "1e999",
        "0.5",
        "true",
      ),
      ...words("9007199254740991", "9007199254740992", "\\ud800", "\\u202e", '"__proto__":', "1e3"),
      ...ODD_CHARACTERS,
    ],
    seeds: () => words(...MESSAGES).flatMap((bytes) => [inputOf(bytes), inputOf(bytes, Uint8Array.of(2, 5))]),
    run,
  };
}

/** The table in docs/files.md. */
function naiveMessage(bytes: Uint8Array): Json | undefined {
  const json = jsonOf(bytes);
  const { type, version, files, bytes: size, path, sha256, offset, reason, name } = json;
  const { already } = json;
  switch (type) {
    case "transfer":
      return [version, files, size].every(isCount) ? { type, version, files, bytes: size } : undefined;
    case "file": {
      const isPath = Array.isArray(path) && path.every((part) => typeof part === "string");
      const isChecksum = typeof sha256 === "string" && /^[0-9a-f]+$/.test(sha256) && sha256.length === 64;
      if (!isPath || !isCount(json["size"]) || !isChecksum) return undefined;
      return { type, path, size: json["size"], sha256 };
    }
    case "from":
      return isCount(offset) ? { type, offset } : undefined;
    case "gaveUp":
    case "refused":
      return typeof reason === "string" ? { type, reason: safeText(reason.slice(0, 500)) } : undefined;
    case "stored":
      return typeof name === "string" ? { type, name: safeText(name), already: already === true } : undefined;
    case "end":
    case "ready":
      return { type };
    default:
      return undefined;
  }
}

function jsonOf(bytes: Uint8Array): Json {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 2 ** 53 && Math.floor(value) === value;
}
