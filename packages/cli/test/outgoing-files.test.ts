import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { outgoingFiles } from "../src/files/outgoing-files.ts";

import { ground, inbox, make, source } from "./file-ground.ts";

describe("outgoingFiles", () => {
  it("leaves out symbolic links in folders, and follows one that is named", async () => {
    make("tree/a", "a");
    symlinkSync(join(ground, "inbox"), join(source, "tree/link"));
    symlinkSync(join(source, "tree/a"), join(source, "named"));
    const { files, skipped } = await outgoingFiles([join(source, "tree"), join(source, "named")]);
    expect(files.map(({ path }) => path.join("/"))).toEqual(["tree/a", "named"]);
    expect(skipped).toEqual([join(source, "tree/link")]);
  });

  it("takes as many files as are allowed, and no more", async () => {
    for (const name of ["a", "b"]) make(`tree/${name}`, name);
    expect((await outgoingFiles([join(source, "tree")], 2)).files).toHaveLength(2);
    await expect(outgoingFiles([join(source, "tree")], 1)).rejects.toMatchObject({ code: "LEKT_OPTION" });
  });

  // Elsewhere file systems take UTF-8 alone.
  it.runIf(process.platform === "linux")("names what has no name in UTF-8", async () => {
    make("tree/a", "a");
    const name = Buffer.concat([Buffer.from(join(source, "tree/b")), Buffer.from([0xff])]);
    writeFileSync(name, "b");
    await expect(outgoingFiles([join(source, "tree")])).rejects.toThrow(
      /tree\/b\ufffd' cannot be sent: its name is no valid UTF-8: rename it/,
    );
  });

  it("says what it cannot send", async () => {
    await expect(outgoingFiles([join(source, "none")])).rejects.toThrow(
      /cannot be sent: there is no such file/,
    );
    await expect(outgoingFiles(["/"])).rejects.toThrow("'/' cannot be sent: it has no name.");
    await expect(outgoingFiles(["/dev/null"])).rejects.toThrow(/it is neither a file nor a folder/);
    await expect(outgoingFiles([inbox])).rejects.toThrow("There is nothing to send: no file was found.");
    expect(existsSync(inbox)).toBe(true);
  });
});
