import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Delivery } from "../src/files/delivery.ts";
import { DropFolder } from "../src/files/drop-folder.ts";
import type { FileMessage } from "../src/files/file-messages.ts";
import { numberedFolder, numberedName, partName } from "../src/files/file-names.ts";
import { MAX_SAME_NAMES } from "../src/files/incoming-file.ts";
import {
  ADA,
  FINE,
  ground,
  inbox,
  make,
  recorder,
  ScriptedSender,
  send,
  sha256,
  source,
} from "./file-ground.ts";

/** Another identity. */
const EVE = "e".repeat(64);

describe("the receiver's folder", () => {
  it("keeps what is there: another file of the same name gets a number", async () => {
    writeFileSync(join(inbox, "a.txt"), "old");
    const path = make("a.txt", "new");
    const { events, tell } = recorder();
    expect(await send([path], { sender: tell })).toEqual(FINE);
    expect(events.at(-1)).toMatchObject({ type: "received", storedAs: "a (2).txt", already: false });
    writeFileSync(path, "newer");
    await send([path]);
    const contents = ["a.txt", "a (2).txt", "a (3).txt"].map((name) =>
      readFileSync(join(inbox, name), "utf8"),
    );
    expect(contents).toEqual(["old", "new", "newer"]);
  });

  it("takes so many files of one name, and no more", async () => {
    for (let number = 1; number < MAX_SAME_NAMES; number++) {
      writeFileSync(join(inbox, numberedName("a.txt", number)), "");
    }
    expect(await send([make("a.txt", "the last")])).toEqual(FINE);
    const name = `a (${MAX_SAME_NAMES}).txt`;
    expect(readFileSync(join(inbox, name), "utf8")).toBe("the last");
    const { firstFailure } = await send([make("a.txt", "one too many")]);
    expect(firstFailure).toBe(`a.txt: the receiver has ${MAX_SAME_NAMES} files of this name already`);
  });

  it("takes no second copy of what is there already", async () => {
    const path = make("a.txt", "abc");
    await send([path]);
    const { events, tell } = recorder();
    await send([path], { sender: tell });
    expect(events.at(-1)).toMatchObject({ type: "received", storedAs: "a.txt", already: true });
    expect(readdirSync(inbox)).toEqual(["a.txt"]);
  });

  it("gives two files that come at once under one name two names", async () => {
    const paths = ["x", "y"].map((folder) => make(`${folder}/a.txt`, folder));
    await Promise.all(paths.map((path) => send([path])));
    const contents = readdirSync(inbox).map((name) => readFileSync(join(inbox, name), "utf8"));
    expect(contents.sort()).toEqual(["x", "y"]);
  });

  it("is not left by a symbolic link", async () => {
    const outside = join(ground, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "target"), "untouched");
    symlinkSync(outside, join(inbox, "tree"));
    symlinkSync(join(outside, "target"), join(inbox, "a.txt"));
    symlinkSync(join(outside, "fresh"), join(inbox, partName("b.txt", sha256("b"))));
    symlinkSync(join(outside, "dangling"), join(inbox, "c.txt"));
    const paths = [make("a.txt", "a"), make("b.txt", "b"), make("c.txt", "c")];
    make("tree/d.txt", "d");
    const { events, tell } = recorder();
    expect(await send([...paths, join(source, "tree")], { sender: tell })).toMatchObject({
      done: 3,
      failed: 1,
    });
    const failures = events.filter(({ type }) => type === "failed");
    expect(failures).toEqual([
      { type: "failed", name: "b.txt", reason: "the receiver cannot write it (ELOOP)" },
    ]);
    expect(readFileSync(join(inbox, "tree-2", "d.txt"), "utf8")).toBe("d");
    expect(readFileSync(join(inbox, "a (2).txt"), "utf8")).toBe("a");
    expect(readFileSync(join(inbox, "c (2).txt"), "utf8")).toBe("c");
    expect(readdirSync(outside)).toEqual(["target"]);
    expect(readFileSync(join(outside, "target"), "utf8")).toBe("untouched");
  });

  it.each([
    [["..", "evil"]],
    [["/etc/evil"]],
    [["a", "..", "..", "evil"]],
    [["..\\evil"]],
    [[""]],
    [[]],
    [["a\u0000b"]],
    [["a".repeat(256)]],
  ])("is not left by the name %j; the next file is taken", async (path) => {
    const sender = await ScriptedSender.begin(2, 6);
    const reason =
      "its name is not allowed: it has a slash, a backslash or a control character, or is too long; rename it";
    expect(await sender.offer({ path })).toEqual({ type: "refused", reason });
    expect(await sender.offer({ path: ["good"] })).toEqual({ type: "from", offset: 0 });
    expect(await sender.finish("abc")).toEqual({ type: "stored", name: "good", already: false });
    expect(readdirSync(inbox)).toEqual(["good"]);
    expect(readdirSync(ground).sort()).toEqual(["inbox", "source"]);
  });

  it("is not left where a link takes the place of a folder meanwhile", async () => {
    mkdirSync(join(ground, "outside"));
    const [begun, later] = [
      await ScriptedSender.begin(1, 3),
      await ScriptedSender.begin(2, 6, { from: EVE }),
    ];
    expect(await begun.offer({ path: ["tree", "sub", "a"] })).toMatchObject({ type: "from" });
    expect(await later.offer({ path: ["tree", "sub", "a"] })).toMatchObject({ type: "from" });
    expect(await later.finish("abc")).toMatchObject({ type: "stored", name: "tree-2/sub/a" });
    for (const folder of ["tree", "tree-2"]) {
      renameSync(join(inbox, folder, "sub"), join(ground, folder));
      symlinkSync(join(ground, "outside"), join(inbox, folder, "sub"));
    }
    const reason = "something that is no folder lies on its way";
    expect(await begun.finish("abc")).toEqual({ type: "refused", reason });
    expect(await later.offer({ path: ["tree", "sub", "b"] })).toEqual({ type: "refused", reason });
    expect(readdirSync(join(ground, "outside"))).toEqual([]);
  });

  it("takes no file for a folder, and no part from two at once", async () => {
    const sender = await ScriptedSender.begin(3, 9);
    expect(await sender.offer({ path: ["tree", "file"] })).toMatchObject({ type: "from" });
    expect(await sender.finish("abc")).toMatchObject({ type: "stored" });
    const reason = "something that is no folder lies on its way";
    expect(await sender.offer({ path: ["tree", "file", "a"] })).toEqual({ type: "refused", reason });
    const delivery = new Delivery(await DropFolder.open(inbox), ADA);
    const offer: FileMessage = { type: "file", path: ["a"], size: 3, sha256: sha256("abc") };
    const first = await delivery.take(offer);
    await expect(delivery.take(offer)).rejects.toThrow("it is just being received from somebody");
    if (first.type === "wanted") await first.file.drop();
    const second = await delivery.take(offer);
    expect(second.type).toBe("wanted");
    if (second.type === "wanted") await second.file.keep();
  });
});

describe("what is received", () => {
  it("is not executable, whatever the sender has or lies there", async () => {
    const fresh = make("run.sh", "#!/bin/sh\n", 0o755);
    const resumed = make("set.sh", "#!/bin/sh -e\n", 0o755);
    const part = join(inbox, partName("set.sh", sha256("#!/bin/sh -e\n")));
    writeFileSync(part, "#!/bin");
    chmodSync(part, 0o6777);
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    expect(await send([fresh, resumed])).toMatchObject({ done: 2 });
    process.umask(0o077);
    expect(await send([make("private", "x")])).toEqual(FINE);
    const modes = ["run.sh", "set.sh", "private"].map((name) => statSync(join(inbox, name)).mode & 0o7777);
    expect(modes).toEqual([0o644, 0o644, 0o600]);
  });

  it("has no names that programs look for unasked, at any depth", async () => {
    make("project/.git/hooks/post-checkout", "x");
    make("project/.envrc", "y");
    const { events, tell } = recorder();
    const paths = [make(".bashrc", "z"), join(source, "project")];
    expect(await send(paths, { sender: tell })).toMatchObject({ done: 3 });
    const stored = events.flatMap((event) => (event.type === "received" ? [event.storedAs] : []));
    expect(stored).toEqual(["_bashrc", "project/_envrc", "project/_git/hooks/post-checkout"]);
    expect(readFileSync(join(inbox, "project/_git/hooks/post-checkout"), "utf8")).toBe("x");
  });

  it("has one name however the sender writes its letters", async () => {
    const paths = ["x/e\u0301", "y/\u00e9"].map((name) => make(name, name));
    expect(await send(paths)).toMatchObject({ done: 2 });
    expect(readdirSync(inbox)).toEqual(["\u00e9", "\u00e9 (2)"]);
  });
});

describe("a folder that is there", () => {
  it("is not added to: the sender's gets a number", async () => {
    mkdirSync(join(inbox, "photos"));
    writeFileSync(join(inbox, "photos", "mine.jpg"), "mine");
    writeFileSync(join(inbox, "photos-2"), "a file");
    make("photos/mine.jpg", "yours");
    make("photos/sub/more.jpg", "more");
    const { events, tell } = recorder();
    expect(await send([join(source, "photos")], { sender: tell })).toMatchObject({ done: 2 });
    expect(events.findLast(({ type }) => type === "received")).toMatchObject({
      storedAs: "photos-3/sub/more.jpg",
    });
    expect(tree()).toEqual(["photos-2", "photos-3/mine.jpg", "photos-3/sub/more.jpg", "photos/mine.jpg"]);
    expect(readFileSync(join(inbox, "photos", "mine.jpg"), "utf8")).toBe("mine");
  });

  it("is not sent again where all of it is there; what is new comes into another one", async () => {
    make("photos/a.jpg", "a");
    await send([join(source, "photos")]);
    const { events, tell } = recorder();
    await send([join(source, "photos")], { sender: tell });
    expect(events.at(-1)).toMatchObject({ storedAs: "photos/a.jpg", already: true });
    make("photos/b.jpg", "b");
    await send([join(source, "photos")]);
    expect(tree()).toEqual(["photos-2/b.jpg", "photos/a.jpg"]);
  });

  it("may be one of so many of one name, and no more", async () => {
    for (let number = 1; number < MAX_SAME_NAMES; number++)
      mkdirSync(join(inbox, numberedFolder("tree", number)));
    make("tree/a", "a");
    expect(await send([join(source, "tree")])).toEqual(FINE);
    expect(readFileSync(join(inbox, `tree-${MAX_SAME_NAMES}`, "a"), "utf8")).toBe("a");
    make("tree/a", "another");
    const { firstFailure } = await send([join(source, "tree")]);
    expect(firstFailure).toBe(`tree/a: the receiver has ${MAX_SAME_NAMES} folders of this name already`);
  });

  it("is gone on with after a break, by who began it and nobody else", async () => {
    mkdirSync(join(inbox, "tree"));
    const begun = await ScriptedSender.begin(2, 6);
    await begun.offer({ path: ["tree", "a"] });
    expect(await begun.finish("abc")).toMatchObject({ name: "tree-2/a" });
    await begun.offer({ path: ["tree", "b"], sha256: sha256("abd") });
    await begun.channel.sendData(Buffer.from("ab"));
    const part = join(inbox, "tree-2", partName("b", sha256("abd")));
    await expect.poll(() => statSync(part).size).toBe(2);
    begun.break();
    await expect(begun.received).rejects.toMatchObject({ code: "LEKT_PATH" });

    const eve = await ScriptedSender.begin(1, 3, { from: EVE });
    await eve.offer({ path: ["tree", "a"], sha256: sha256("eve") });
    expect(await eve.finish("eve")).toMatchObject({ name: "tree-3/a" });

    const again = await ScriptedSender.begin(2, 6);
    expect(await again.offer({ path: ["tree", "a"] })).toMatchObject({ name: "tree-2/a", already: true });
    expect(await again.offer({ path: ["tree", "b"], sha256: sha256("abd") })).toEqual({
      type: "from",
      offset: 2,
    });
    expect(await again.finish("d")).toMatchObject({ name: "tree-2/b" });
    again.break();
    await again.received;
    expect(tree()).toEqual(["tree-2/a", "tree-2/b", "tree-3/a"]);
  });

  it("is gone on with where a file of it was refused, until all of it is there", async () => {
    const begun = await ScriptedSender.begin(2, 6);
    await begun.offer({ path: ["tree", "a"] });
    await begun.finish("abc");
    await begun.offer({ path: ["tree", "b"] });
    expect(await begun.finish("xyz")).toMatchObject({ type: "refused" });
    begun.break();
    await begun.received;
    const again = await ScriptedSender.begin(1, 3);
    await again.offer({ path: ["tree", "b"] });
    expect(await again.finish("abc")).toMatchObject({ name: "tree/b" });
    again.break();
    await again.received;
    const more = await ScriptedSender.begin(1, 3);
    await more.offer({ path: ["tree", "c"] });
    expect(await more.finish("abc")).toMatchObject({ name: "tree-2/c" });
  });
});

/** All files in the receiver's folder. */
function tree(): string[] {
  const entries = readdirSync(inbox, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(inbox, join(entry.parentPath, entry.name)))
    .sort();
}
