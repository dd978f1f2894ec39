import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import {
  concatBytes,
  encodeAccept,
  encodeClientObject,
  encodeEndOfReply,
  encodeHandshake,
  encodeHeartbeat,
  encodeHold,
  encodeListeningPorts,
  encodeReject,
  encodeRequest,
  encodeResponse,
  encodeSignal,
  encodeUpdates,
  encodeUtf8,
  METHOD,
  toHex,
} from "@lekt/protocol";
import { describe, expect, it, onTestFinished } from "vitest";
import { errorOf, type Json, killAtEnd, LEKT, lekt } from "./lekt-process.ts";

const NOW = 1_774_483_200n;
const TCP = encodeListeningPorts({ port: 4000, endpoints: [{ address: "192.168.1.20", port: 4000 }] });

const CLIENT_STREAM = concatBytes([
  encodeHandshake(40, [1, 17, 18, 20, 22, 40]),
  encodeResponse(METHOD.tcp, TCP),
  encodeResponse(METHOD.network, encodeUtf8("friends")),
  encodeResponse(METHOD.token, encodeUtf8("sesame")),
  encodeResponse(METHOD.name, encodeUtf8("ada")),
  encodeResponse(METHOD.hold, encodeHold(25_000)),
  encodeResponse(40, new Uint8Array([0, 255])),
  encodeHeartbeat(NOW),
]);

const SERVER_INFO = encodeUtf8('{"you":{"address":"192.0.2.1","port":4000},"heartbeatSeconds":10}');

const SERVER_STREAM = concatBytes([
  encodeAccept(),
  encodeRequest(METHOD.tcp),
  encodeRequest(0),
  ...updates("added", [
    encodeClientObject({ ip: 0, methods: [{ index: METHOD.server, payload: SERVER_INFO }] }),
    encodeClientObject({ ip: 0xcb007107, methods: [{ index: METHOD.tcp, payload: TCP }] }),
  ]),
  ...updates("removed", [new Uint8Array([203, 0, 113, 8])]),
  encodeEndOfReply(NOW),
  encodeReject("shutdown", "the server is going down\u001b"),
]);

function updates(kind: "added" | "removed", entries: Uint8Array[]): Uint8Array[] {
  const packets: Uint8Array[] = [];
  encodeUpdates(kind, entries, NOW, (bytes) => {
    const packet = new Uint8Array(bytes);
    packets.push(packet);
    return packet;
  });
  return packets;
}

/** As `xxd` and `hexdump -C` write it. */
function dump(bytes: Uint8Array, kind: "xxd" | "hexdump"): string {
  let lines = "";
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const ascii = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    const pairs = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const offset = at.toString(16).padStart(8, "0");
    if (kind === "xxd") {
      const groups = pairs.join("").replace(/.{4}(?=.)/g, "$& ");
      lines += `${offset}: ${groups.padEnd(39)}  ${ascii}\n`;
    } else {
      const halves = `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`;
      lines += `${offset}  ${halves.padEnd(48)}  |${ascii}|\n`;
    }
  }
  return kind === "xxd" ? lines : `${lines}${bytes.length.toString(16).padStart(8, "0")}\n`;
}

function jsonLines(stdout: string): Json[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Json);
}

describe("lekt decode", () => {
  it("shows a client's stream", async () => {
    const { code, stdout, stderr } = await lekt(["decode", "-"], { input: CLIENT_STREAM });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toBe(`\
00000000  handshake  LEKT 1.0.0, knows methods 1 to 40, sets 1 (tcp), 17 (network), 18 (token), 20 (name), 22 (hold), 40
00000014  response   method 1 (tcp): port 4000, also at 192.168.1.20:4000
0000002d  response   method 17 (network): "friends"
00000044  response   method 18 (token): 6 bytes, hidden (--show-private shows them)
0000005a  response   method 20 (name): "ada"
0000006d  response   method 22 (hold): 25 s
00000081  response   method 40: 00ff
00000093  heartbeat  time 1774483200 (2026-03-26T00:00:00Z)
`);
  });

  it("shows a server's stream, and its text safely", async () => {
    const { code, stdout } = await lekt(["decode", "-"], { input: SERVER_STREAM });
    expect(code).toBe(0);
    expect(stdout).toContain("accept     LEKT 1.0.0\n");
    expect(stdout).toContain("request    method 0: setup is over\n");
    expect(stdout).toContain("added      2 clients, time 1774483200 (2026-03-26T00:00:00Z)\n");
    expect(stdout).toContain("  word     from the server\n");
    expect(stdout).toContain(
      'method 23 (server): {"you":{"address":"192.0.2.1","port":4000},"heartbeatSeconds":10}',
    );
    expect(stdout).toContain("  client   203.0.113.7\n");
    expect(stdout).toContain("removed    1 address, time");
    expect(stdout).toContain("  gone     203.0.113.8\n");
    expect(stdout).toContain("end        of a reply, time");
    expect(stdout).toContain("reject     shutdown: the server is going down\\u{1b}\n");
  });

  it("shows signals, up and down", async () => {
    const to = new Uint8Array(32).fill(0xab);
    const server = new Uint8Array(32);
    const up = [
      encodeSignal(to, encodeUtf8("offer")),
      encodeSignal(server, encodeUtf8('{"want":"circuit"}')),
    ];
    const handshake = encodeHandshake(24, [METHOD.identity, METHOD.signal]);
    const client = await lekt(["decode", "-"], { input: concatBytes([handshake, ...up]) });
    expect(client.stdout).toBe(`\
00000000  handshake  LEKT 1.0.0, knows methods 1 to 24, sets 19 (identity), 24 (signal)
00000010  signal     to ${"ab".repeat(32)}
                     "offer"
00000041  signal     to the server
                     "{"want":"circuit"}"
`);
    const down = concatBytes([encodeSignal(to, Uint8Array.of(0, 255)), encodeSignal(to, new Uint8Array(0))]);
    const flags = ["decode", "-", "--direction", "server", "--phase", "heartbeat"];
    const shown = await lekt(flags, { input: down });
    expect([client.code, shown.code]).toEqual([0, 0]);
    expect(shown.stdout).toBe(`\
00000000  signal     from ${"ab".repeat(32)}
                     00ff
0000002e  signal     came back: not delivered to ${"ab".repeat(32)}
`);
    expect(jsonLines((await lekt([...flags, "--json"], { input: down })).stdout)[0]).toEqual({
      offset: 0,
      bytes: 46,
      direction: "server",
      type: "signal",
      version: "1.0.0",
      identity: "ab".repeat(32),
      payload: "00ff",
    });
  });

  it("prints a JSON object a line with --json; tokens with --show-private alone", async () => {
    const hidden = await lekt(["decode", "-", "--json"], { input: CLIENT_STREAM });
    const packets = jsonLines(hidden.stdout);
    expect(packets.map(({ type }) => type)).toEqual(["handshake", ...Array(6).fill("response"), "heartbeat"]);
    expect(packets[1]).toEqual({
      offset: 20,
      bytes: 25,
      direction: "client",
      type: "response",
      version: "1.0.0",
      index: 1,
      name: "tcp",
      payload: "0fa004c0a801140fa0",
      value: { port: 4000, endpoints: [{ address: "192.168.1.20", port: 4000 }] },
    });
    expect(packets[3]).toMatchObject({ name: "token", hidden: true, payloadBytes: 6 });
    expect(hidden.stdout).not.toContain("sesame");
    const shown = await lekt(["decode", "-", "--json", "--show-private"], { input: CLIENT_STREAM });
    expect(jsonLines(shown.stdout)[3]).toMatchObject({ name: "token", text: "sesame" });
  });

  it.each([
    ["plain hex", toHex(CLIENT_STREAM)],
    ["plain hex in lines, with comments", toHex(CLIENT_STREAM).replace(/.{32}/g, "$& # LEKT 00\n")],
    ["plain hex with a comment first", `# a capture\n\n${toHex(CLIENT_STREAM).toUpperCase()}`],
    ["plain hex with colons", toHex(CLIENT_STREAM).replace(/..(?=.)/g, "$&:")],
    ["xxd", dump(CLIENT_STREAM, "xxd")],
    ["hexdump -C", dump(CLIENT_STREAM, "hexdump")],
    ["hexdump -C with DOS line ends", dump(CLIENT_STREAM, "hexdump").replaceAll("\n", "\r\n")],
  ])("reads %s", async (_, input) => {
    const [raw, hex] = await Promise.all([
      lekt(["decode", "-"], { input: CLIENT_STREAM }),
      lekt(["decode", "-"], { input }),
    ]);
    expect(hex).toEqual(raw);
  });

  it("reads a file, and the repeated lines of hexdump", async () => {
    const folder = mkdtempSync(joinPath(tmpdir(), "lekt-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = joinPath(folder, "beats.hex");
    const beat = dump(encodeHeartbeat(NOW), "hexdump").split("\n")[0];
    writeFileSync(file, `${beat}\n*\n00000040\n`);
    const { code, stdout } = await lekt(["decode", file, "--phase", "heartbeat", "--json"]);
    expect(code).toBe(0);
    expect(jsonLines(stdout).map(({ offset }) => offset)).toEqual([0, 16, 32, 48]);
  });

  it("ends quietly where nobody reads on, and does not read all of its input first", async () => {
    const child = spawn(process.execPath, [LEKT, "decode", "-"], { stdio: "pipe" });
    killAtEnd(child);
    const exit = once(child, "exit");
    child.stdin.on("error", () => {});
    child.stdin.write(encodeHandshake(1, [1]));
    child.stdin.write(encodeResponse(1, TCP));
    await once(child.stdout, "data");
    child.stdout.destroy();
    const beat = encodeHeartbeat(NOW);
    const timer = setInterval(() => child.stdin.write(beat), 10);
    onTestFinished(() => clearInterval(timer));
    expect(await exit).toEqual([0, null]);
  });

  describe("faults", () => {
    it.each([
      [
        "magic",
        concatBytes([encodeHandshake(1, [1]), encodeUtf8("LEKX")]),
        [],
        19,
        /does not begin with LEKT/,
      ],
      ["no LEKT at all", encodeUtf8("HTTP/1.1 400 Bad Request\r\n"), [], 0, /does not begin with LEKT/],
      [
        "a length",
        encodeResponse(20, new Uint8Array(5_000)),
        ["--direction", "client"],
        15,
        /longer than 4096/,
      ],
      [
        "a payload",
        concatBytes([encodeHandshake(20, [20]), encodeResponse(20, encodeUtf8("a\n"))]),
        [],
        33,
        /control/,
      ],
      [
        "an answer not set",
        concatBytes([encodeHandshake(1, [1]), encodeResponse(2, TCP)]),
        [],
        27,
        /did not set/,
      ],
      [
        "a truncated end",
        CLIENT_STREAM.subarray(0, 40),
        [],
        40,
        /ends inside the packet that begins at byte 20/,
      ],
      [
        "a truncated update",
        SERVER_STREAM.subarray(0, 60),
        [],
        60,
        /ends inside the packet that begins at byte 32/,
      ],
      ["the wrong direction", SERVER_STREAM, ["--direction", "client"], 4, /client does not send/],
      ["nothing", new Uint8Array(0), [], 0, /input is empty/],
    ])("%s: its offset, and exit code 1", async (_, input, args, offset, message) => {
      const people = await lekt(["decode", "-", ...args], { input });
      expect(people.code).toBe(1);
      expect(people.stderr).toMatch(message);
      expect(people.stderr).toMatch(
        new RegExp(`^lekt: At byte ${offset} \\(0x${offset.toString(16)}\\): .*\\n$`),
      );
      const programs = await lekt(["decode", "-", "--json", ...args], { input });
      expect(errorOf(programs)).toMatchObject({ code: "LEKT_INPUT", offset });
      expect(programs.stdout.split("\n").length).toBeGreaterThan(0);
    });

    it("shows what came before, and what follows a malformed payload", async () => {
      const input = concatBytes([
        encodeHandshake(20, [1, 20]),
        encodeResponse(1, new Uint8Array([1])),
        encodeResponse(20, encodeUtf8("ada")),
      ]);
      const { code, stdout, stderr } = await lekt(["decode", "-"], { input });
      expect(code).toBe(1);
      expect(stdout).toContain("method 1 (tcp): malformed, too short for a port: 01\n");
      expect(stdout).toContain('method 20 (name): "ada"\n');
      expect(stderr).toContain("the payload of method 1 (tcp): too short for a port.");
    });

    it.each([
      ["4c45 4b5g", /Line 1 of the hex dump: 'g' is no hex digit; if these are raw bytes, say --raw/],
      ["4c454b54 4801000", /half a byte/],
      ["00000000: 4c45 4b54\n*\n", /ends inside the packet/],
      ["00000000: 4c45 4b54\n*\nfffffffc: 4c45\n", /Line 3 of the hex dump: '\*' stands for more than/],
    ])("%j", async (input, message) => {
      const { code, stderr } = await lekt(["decode", "-"], { input });
      expect(stderr).toMatch(message);
      expect(code).toBe(1);
    });

    it("a file that is not there: exit code 1", async () => {
      const finished = await lekt(["decode", "/no/such/file", "--json"]);
      expect(finished.code).toBe(1);
      expect(errorOf(finished)).toMatchObject({
        code: "LEKT_INPUT",
        message: expect.stringContaining("no such file"),
      });
    });

    it("--raw takes hex digits for what they are", async () => {
      const { code, stderr } = await lekt(["decode", "-", "--raw"], { input: toHex(CLIENT_STREAM) });
      expect(code).toBe(1);
      expect(stderr).toContain("At byte 0 ");
    });
  });
});
