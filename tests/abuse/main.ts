import { AbuseRun } from "./abuse-run.ts";
import { ATTACKS } from "./attacks/attacks.ts";
const only = process.argv[2];
const part= Number(process.argv[3] ?? 1);
for (const a of ATTACKS.filter((a) => !only || a.name.includes(only))) {
const run = await AbuseRun.start(a.options);
console.log(JSON.stringify(await run.attack(a, {part, seconds: 2})));
await run.stop();
}
