/** Checks every package that is to be published for mistakes in what would be packed. */
import { readdir, readFile } from "node:fs/promises";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const root = new URL("../packages/", import.meta.url);
let faults = 0;
for (const name of await readdir(root)) {
  const folder = new URL(`${name}/`, root);
  const manifest = JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
  if (manifest.private) continue;
  const { messages } = await publint({ pkgDir: folder.pathname, strict: true });
  for (const message of messages) {
    console.error(`${manifest.name}: ${formatMessage(message, manifest)}`);
    faults++;
  }
}
process.exitCode = faults > 0 ? 1 : 0;
