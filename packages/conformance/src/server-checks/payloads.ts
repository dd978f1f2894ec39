import { describeMethod, encodeResponse, METHOD } from "@lekt/protocol";
import { Failed } from "../check.ts";
import { bytesOf, portPayload, u32 } from "../raw-packets.ts";
import type { ServerBench, ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";

/** What methods.md says of one method. */
interface PayloadRule {
  readonly method: number;
  readonly name: string;
  /** What is valid, in short. */
  readonly form: string;
  readonly valid: readonly Uint8Array[];
  /** Each with what is wrong with it. */
  readonly malformed: Readonly<Record<string, Uint8Array>>;
}

const PORT = portPayload(4_000);
const NONE = new Uint8Array(0);
const IPV4_ENDPOINT = bytesOf(Uint8Array.of(4, 192, 168, 1, 20), PORT);
const IPV6_ENDPOINT = bytesOf(Uint8Array.of(6), new Uint8Array(16).fill(1), PORT);
const SURROGATE = Uint8Array.of(0xed, 0xa0, 0x80);

const ENDPOINT_FAULTS: Readonly<Record<string, Uint8Array>> = {
  "family 5": bytesOf(Uint8Array.of(5, 1, 2, 3, 4), PORT),
  "an endpoint cut short": IPV4_ENDPOINT.subarray(0, 6),
  "an endpoint with port 0": Uint8Array.of(4, 1, 2, 3, 4, 0, 0),
  "nine endpoints": bytesOf(...Array.from({ length: 9 }, () => IPV4_ENDPOINT)),
};
const EIGHT_ENDPOINTS = bytesOf(...Array.from({ length: 4 }, () => bytesOf(IPV4_ENDPOINT, IPV6_ENDPOINT)));

function endpointFaults(head: Uint8Array): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(ENDPOINT_FAULTS).map(([why, rest]) => [why, bytesOf(head, rest)]));
}

function textFaults(longest: number): Record<string, Uint8Array> {
  return {
    "an empty text": NONE,
    [`${longest + 1} bytes`]: new Uint8Array(longest + 1).fill(0x61),
    "an overlong form": Uint8Array.of(0xc1, 0x81),
    "a surrogate": SURROGATE,
    "a character above U+10FFFF": Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
    "a character cut short": Uint8Array.of(0x61, 0xe2, 0x82),
    "a line feed": bytesOf("ada\n"),
    "U+0085, a control character": bytesOf("ada\u0085"),
  };
}

function textExamples(longest: number): Uint8Array[] {
  return [bytesOf("a"), new Uint8Array(longest).fill(0x61), bytesOf("\ufeff\u202e\u{1f600}")];
}

function empty(method: number, name: string): PayloadRule {
  return { method, name, form: "empty", valid: [NONE], malformed: { "one byte": Uint8Array.of(0) } };
}

const RULES: readonly PayloadRule[] = [
  {
    method: METHOD.tcp,
    name: "tcp",
    form: "a port and up to 8 endpoints",
    valid: [PORT, portPayload(0), bytesOf(PORT, EIGHT_ENDPOINTS)],
    malformed: { "no byte": NONE, "one byte": Uint8Array.of(1), ...endpointFaults(PORT) },
  },
  {
    method: METHOD.udp,
    name: "udp",
    form: "version 1, a port and up to 8 endpoints",
    valid: [bytesOf(Uint8Array.of(1), PORT), bytesOf(Uint8Array.of(1), PORT, EIGHT_ENDPOINTS)],
    malformed: {
      "version 2": bytesOf(Uint8Array.of(2), PORT),
      "two bytes": Uint8Array.of(1, 1),
      ...endpointFaults(bytesOf(Uint8Array.of(1), PORT)),
    },
  },
  empty(METHOD.relay, "relay"),
  empty(METHOD.webrtc, "webrtc"),
  {
    method: METHOD.network,
    name: "network",
    form: "a text of 1–255 bytes",
    // Valid names are all that the other checks use: these would be networks of others.
    valid: [],
    malformed: textFaults(255),
  },
  {
    method: METHOD.identity,
    name: "identity",
    form: "32 bytes",
    valid: [new Uint8Array(32)],
    malformed: { "31 bytes": new Uint8Array(31), "33 bytes": new Uint8Array(33) },
  },
  {
    method: METHOD.name,
    name: "name",
    form: "a text of 1–64 bytes",
    valid: textExamples(64),
    malformed: textFaults(64),
  },
  {
    method: METHOD.data,
    name: "data",
    form: "0–1,024 bytes",
    valid: [NONE, new Uint8Array(1_024)],
    malformed: { "1,025 bytes": new Uint8Array(1_025) },
  },
  {
    method: METHOD.hold,
    name: "hold",
    form: "4 bytes, of any value",
    valid: [u32(0), u32(25_001), u32(0xffffffff)],
    malformed: { "3 bytes": new Uint8Array(3), "5 bytes": new Uint8Array(5), "no byte": NONE },
  },
  empty(METHOD.server, "server"),
  {
    method: METHOD.resume,
    name: "resume",
    form: "0–1,024 bytes",
    valid: [NONE, new Uint8Array(1_024).fill(7)],
    malformed: { "1,025 bytes": new Uint8Array(1_025) },
  },
  empty(METHOD.watch, "watch"),
  empty(METHOD.update, "update"),
  empty(METHOD.session, "session"),
];

/** Unassigned and private numbers, whose payload is passed on unread. */
const UNREAD = [7, 16, 33, 64];

async function answerOne(bench: ServerBench, method: number, payload: Uint8Array) {
  const line = await bench.connect();
  const isNetwork = method === METHOD.network;
  const methods = isNetwork ? [method] : [METHOD.network, method].sort((a, b) => a - b);
  await line.greet(Math.max(method, METHOD.network), methods);
  for (;;) {
    const packet = await line.next(`Request ${method}`);
    if (packet.type !== "request") throw new Failed(`Request ${method}`, packetWords(packet));
    if (packet.method === 0) break;
    line.send(encodeResponse(packet.method, packet.method === method ? payload : bench.network));
    if (packet.method === method) break;
  }
  // What is asked behind it is answered, too.
  if (method < METHOD.network && bench.facts.asked.has(METHOD.network)) {
    const packet = await line.next("Request 17, or a Reject");
    if (packet.type === "request") line.send(encodeResponse(METHOD.network, bench.network));
    else if (packet.type === "reject") return { line, rejected: packet };
  }
  return { line, rejected: undefined };
}

async function mustTake(bench: ServerBench, method: number, payload: Uint8Array): Promise<void> {
  const { line, rejected } = await answerOne(bench, method, payload);
  const expected = `the zero request: ${payload.length} valid bytes for ${describeMethod(method)}`;
  const packet = rejected ?? (await line.next(expected));
  if (packet.type !== "request") throw new Failed(expected, packetWords(packet));
}

async function mustRefuse(
  bench: ServerBench,
  method: number,
  why: string,
  payload: Uint8Array,
): Promise<string> {
  const { line, rejected } = await answerOne(bench, method, payload);
  const packet = rejected ?? (await line.reject("malformed", `${describeMethod(method)}: ${why}`));
  if (packet.word !== "malformed") {
    throw new Failed(`a Reject "malformed" (${describeMethod(method)}: ${why})`, packetWords(packet));
  }
  return packet.message;
}

function payloadCheck({ method, name, form, valid, malformed }: PayloadRule): ServerCheck {
  return {
    id: `payload-${name}`,
    clauses: ["4.3", "4.4", "4.6", ...(form.startsWith("a text") ? ["1.6"] : []), `methods ${method}`],
    rule: `The payload of \`${name}\` is ${form}; anything else is \`malformed\`.`,
    level: "must",
    needs: [method],
    run: async (bench) => {
      for (const payload of valid) await mustTake(bench, method, payload);
      for (const [why, payload] of Object.entries(malformed)) await mustRefuse(bench, method, why, payload);
    },
  };
}

export const payloadChecks: readonly ServerCheck[] = [
  ...RULES.map(payloadCheck),
  {
    id: "payload-unread",
    clauses: ["4.4", "methods 7", "methods 33"],
    rule: "Methods 7–16 and 33–64 take any bytes.",
    level: "must",
    run: async (bench) => {
      for (const method of UNREAD.filter((each) => bench.facts.asked.has(each))) {
        await mustTake(bench, method, bytesOf(SURROGATE, new Uint8Array(3)));
        await mustTake(bench, method, NONE);
      }
    },
  },
  {
    id: "malformed-message",
    clauses: ["4.6"],
    rule: "The message of a malformed payload names the method, by number or name.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const message = await mustRefuse(bench, METHOD.tcp, "one byte", Uint8Array.of(1));
      if (!/\b1\b|tcp/.test(message))
        throw new Failed("a message with 1 or tcp in it", JSON.stringify(message));
    },
  },
];
