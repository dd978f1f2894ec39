import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { configFolder } from "../src/config-folder.ts";
import { KnownPeers, MAX_KNOWN_PEERS, networkOf } from "../src/known-peers.ts";
import { ownIdentity } from "../src/own-identity.ts";

/** A folder that is not there yet, as on a new machine. */
function newFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), "lekt-"));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  return join(parent, "config", "lekt");
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const refused = (message: RegExp) =>
  expect.objectContaining({ code: "LEKT_OPTION", message: expect.stringMatching(message) });

describe("the folder of the configuration", () => {
  it("is where XDG_CONFIG_HOME says, and else in .config", () => {
    expect(configFolder({ XDG_CONFIG_HOME: "/etc/ada", HOME: "/home/ada" })).toBe("/etc/ada/lekt");
    expect(configFolder({ HOME: "/home/ada" })).toBe("/home/ada/.config/lekt");
    expect(configFolder({ XDG_CONFIG_HOME: "relative", HOME: "/home/ada" })).toBe("/home/ada/.config/lekt");
    expect(configFolder({})).toBe(join(homedir(), ".config", "lekt"));
  });
});

describe("the own identity", () => {
  it("is made once, kept, and readable by its owner alone", async () => {
    const folder = newFolder();
    const identity = await ownIdentity(folder);
    expect(await ownIdentity(folder)).toEqual(identity);
    expect(readdirSync(folder)).toEqual(["identity.pem"]);
    expect([modeOf(folder), modeOf(join(folder, "identity.pem"))]).toEqual(["700", "600"]);
  });

  it("is one for all commands that begin at the same time", async () => {
    const folder = newFolder();
    const identities = await Promise.all([1, 2, 3].map(() => ownIdentity(folder)));
    expect(new Set(identities.map(({ certificatePem }) => certificatePem)).size).toBe(1);
  });

  it("is not taken from a file that others can read, or that is damaged", async () => {
    const folder = newFolder();
    await ownIdentity(folder);
    const path = join(folder, "identity.pem");
    chmodSync(path, 0o640);
    await expect(ownIdentity(folder)).rejects.toEqual(refused(/chmod 600/));
    chmodSync(path, 0o600);
    writeFileSync(path, readFileSync(path, "utf8").slice(0, 600));
    await expect(ownIdentity(folder)).rejects.toEqual(
      refused(/identity\.pem: .*private key.*a new one is made/),
    );
  });

  it("says so where the folder cannot be written", async () => {
    const parent = newFolder();
    await ownIdentity(parent);
    await expect(ownIdentity(join(parent, "identity.pem"))).rejects.toEqual(
      refused(/identity\.pem.* \(ENOTDIR\)/),
    );
  });
});

describe("known peers", () => {
  const [ada, eve] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const network = "lekt://example.org/jeux";

  it("are new, known, or have changed", () => {
    const folder = newFolder();
    expect(new KnownPeers(folder).acquaintance(network, "ada", ada)).toEqual({ type: "new" });
    new KnownPeers(folder).remember(network, "ada", ada);
    const known = new KnownPeers(folder);
    expect(known.acquaintance(network, "ada", ada)).toEqual({ type: "known" });
    expect(known.acquaintance(network, "ada", eve)).toEqual({ type: "changed", before: ada });
    expect(known.acquaintance(network, "ada", ada)).toEqual({ type: "known" });
    known.remember(network, "ada", eve);
    expect(known.acquaintance(network, "ada", ada)).toEqual({ type: "changed", before: eve });
    expect(modeOf(join(folder, "known-peers.json"))).toBe("600");
  });

  it("are others in another network, and under another name", () => {
    const known = new KnownPeers(newFolder());
    known.remember(network, "ada", ada);
    expect(known.acquaintance("lekt://example.org/other", "ada", eve)).toEqual({ type: "new" });
    expect(known.acquaintance(network, "Ada", eve)).toEqual({ type: "new" });
    known.remember(network, "__proto__", eve);
    expect(known.acquaintance(network, "__proto__", eve)).toEqual({ type: "known" });
  });

  it("are the same however the URL of the network is spelled, with a key or without", () => {
    for (const url of [
      "LEKT://Example.ORG/jeux",
      "lekt://example.org:15358/jeux",
      "lekt://example.org/%6aeux",
      `lekt://example.org/jeux#key=${"A".repeat(43)}`,
    ]) {
      expect(networkOf(url)).toBe(network);
    }
    expect(networkOf("lekt://example.org/Jeux")).not.toBe(network);
    expect(networkOf("lekt://example.org:15359/jeux")).not.toBe(network);
  });

  it("are 10,000 at most: who was met longest ago is forgotten", () => {
    const folder = newFolder();
    const known = new KnownPeers(folder);
    known.remember(network, "first", ada);
    const path = join(folder, "known-peers.json");
    const entry = (name: string) => ({ network, name, identity: "01".repeat(32) });
    const names = Array.from({ length: MAX_KNOWN_PEERS - 1 }, (_, i) => `peer ${i}`);
    writeFileSync(path, JSON.stringify(["first", ...names].map(entry)));
    known.remember(network, "first", ada);
    expect(known.acquaintance(network, "peer 0", ada)).toEqual({ type: "known" });
    known.remember(network, "last", ada);
    expect(known.acquaintance(network, "peer 0", ada)).toEqual({ type: "new" });
    for (const name of ["first", "last", "peer 1"]) {
      expect(known.acquaintance(network, name, ada)).toEqual({ type: "known" });
    }
  });

  it("are not guessed from a damaged file", () => {
    const folder = newFolder();
    const known = new KnownPeers(folder);
    known.remember(network, "ada", ada);
    for (const damage of [
      "",
      "{}",
      '[{"network":"a","name":"b","identity":"c"}]',
      "[null]",
      '[{"name":1}]',
    ]) {
      writeFileSync(join(folder, "known-peers.json"), damage);
      expect(() => known.acquaintance(network, "ada", ada)).toThrow(refused(/damaged/));
      expect(() => known.remember(network, "ada", ada)).toThrow(refused(/damaged/));
      expect(() => known.check()).toThrow(refused(/damaged/));
    }
  });
});
