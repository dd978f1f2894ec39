import { readFileSync } from "node:fs";
import { LEKT_ERROR_CODES } from "@lekt/protocol";
import { describe, expect, it } from "vitest";
import { EXIT_MEANINGS, OUTCOMES } from "../src/exit-codes.ts";
import { errorOf, lekt } from "./lekt-process.ts";

const VERBS = ["serve", "join", "peers", "decode"];

describe("lekt", () => {
  it("prints its version and the protocol's", async () => {
    const { code, stdout } = await lekt(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^lekt \d+\.\d+\.\d+, protocol 1\.0\.0\n$/);
  });

  it.each([["help"], ["--help"]])("%s lists the verbs and the exit codes", async (arg) => {
    const { code, stdout } = await lekt([arg]);
    expect(code).toBe(0);
    for (const verb of VERBS) expect(stdout).toMatch(new RegExp(`^  ${verb} `, "m"));
    for (const [exitCode, meaning] of Object.entries(EXIT_MEANINGS)) {
      expect(stdout).toContain(`  ${exitCode}  ${meaning}`);
    }
  });

  it.each(VERBS)("%s --help has examples and exit codes, as help %s has", async (verb) => {
    const [flag, command] = await Promise.all([lekt([verb, "--help"]), lekt(["help", verb])]);
    expect(flag.code).toBe(0);
    expect(flag.stdout).toMatch(/^Examples:\n {2}lekt /m);
    expect(flag.stdout).toMatch(/^Exit codes?: /m);
    expect(command.stdout).toBe(flag.stdout);
    expect(flag.stderr).toBe("");
  });

  it("shows its help on stderr where no command is given", async () => {
    const { code, stdout, stderr } = await lekt([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: lekt");
  });

  it.each([
    [["serv"], "lekt: unknown command 'serv'. Did you mean serve? See lekt help.\n"],
    [["help", "serv"], "lekt: unknown command 'serv'. Did you mean serve? See lekt help.\n"],
    [["serve", "--prt", "1"], "lekt: unknown option '--prt'. Did you mean --port? See lekt serve --help.\n"],
    [["join"], "lekt: missing required argument 'url'. See lekt join --help.\n"],
    [
      ["join", "lekt://localhost", "--tcp", "70000"],
      /'--tcp <port>' argument '70000' is invalid. It must be/,
    ],
    [["join", "lekt://localhost", "--identity", "00"], /'--identity <hex>' argument '00' .* 64 hex digits/],
    [["join", "lekt://localhost", "--method", "33=0"], /'--method <n=hex>' argument '33=0'/],
    [["join", "lekt://localhost", "--name", ""], /^lekt: --name cannot be "": it is empty/],
    [
      ["join", "lekt://localhost", "--data-file", "/no/such"],
      /'\/no\/such' of --data-file: there is no such file/,
    ],
    [["join", "lekt://localhost", "--token-file", "/no/such"], /'\/no\/such' of --token-file: there is no/],
    [["join", "lekt://localhost", "--data", "a", "--data-file", "b"], /cannot be used with/],
    [["peers", "lekt://localhost", "--wait", "0"], /'--wait <count>' argument '0' is invalid/],
    [["peers", "lekt://localhost", "--timeout", "soon"], /'--timeout <seconds>' argument 'soon' is invalid/],
    [["decode", "-", "--direction", "up"], /Allowed choices are client, server/],
    [["decode", "-", "--raw", "--hex"], /'--raw' cannot be used with option '--hex'/],
    [["join", "http://localhost"], /"http:\/\/localhost" is no LEKT URL: its scheme/],
    [["peers", "lekt://localhost:99999"], /its port is not a number from 1 to 65535/],
    [["join", "lekts://localhost"], /cannot be used: this version speaks lekt:\/\/ only/],
  ])("%j is wrong usage: one sentence, exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await lekt(args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^lekt: .*\n$/);
    expect(code).toBe(2);
    expect(stdout).toBe("");
  });

  it("says it in JSON where that is asked for", async () => {
    const finished = await lekt(["peers", "lekt://local host", "--json"]);
    expect(finished.code).toBe(2);
    expect(errorOf(finished)).toMatchObject({ code: "LEKT_URL", message: expect.stringContaining("spaces") });
  });

  it("shows no control characters of what it was given", async () => {
    const { stderr } = await lekt(["join", "lekt://local\u001b[31mhost\u202e"]);
    expect(stderr.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    const other = await lekt(["serve", "--port", "\u001b[31m"]);
    expect(other.stderr).not.toContain("\u001b");
  });
});

describe("exit codes", () => {
  it("has a line for every error code", () => {
    expect(Object.keys(OUTCOMES).sort()).toEqual([...LEKT_ERROR_CODES].sort());
  });

  it("are in the README as they are", () => {
    const file = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    const readme = file.replace(/ +/g, " ");
    for (const [code, meaning] of Object.entries(EXIT_MEANINGS)) {
      expect(readme).toContain(`| ${code} | ${meaning} |`);
    }
    for (const [code, { exitCode }] of Object.entries(OUTCOMES)) {
      expect(readme).toMatch(new RegExp(`\\| ${exitCode} \\|[^\\n]*\\|[^\\n]*\`${code}\``));
    }
  });
});
