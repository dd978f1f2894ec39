/** Checks every package that is to be published for mistakes in what would be packed. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const root = new URL("../packages/", import.meta.url);
let faults = 0;
for (const name of await readdir(root)) {
  const folder = new URL(`${name}/`, root);
  const manifest = JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
  if (manifest.private) continue;
  const packed = await packedFiles(folder);
  for (const fault of [
    !packed.includes("LICENSE") && "has no LICENSE",
    packed.some((path) => path.endsWith(".tsbuildinfo")) && "has the compiler's notes (.tsbuildinfo)",
  ]) {
    if (!fault) continue;
    console.error(`${manifest.name}: ${fault}`);
    faults++;
  }
  const { messages } = await publint({ pkgDir: folder.pathname, strict: true });
  for (const message of messages) {
    console.error(`${manifest.name}: ${formatMessage(message, manifest)}`);
    faults++;
  }
}
process.exitCode = faults > 0 ? 1 : 0;

/** Paths in the package. */
async function packedFiles(folder: URL): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json"], { cwd: folder });
  // A list, or an object by name where npm is newer.
  const packages: { files: { path: string }[] }[] = Object.values(JSON.parse(stdout));
  return packages.flatMap(({ files }) => files.map(({ path }) => path));
}
