import type { Attack } from "../ground.ts";
import { BROKEN_OFF } from "./broken-off.ts";
import { BURSTS } from "./bursts.ts";
import { FLOOD_ATTACKS } from "./floods.ts";
import { HISTORIES } from "./histories.ts";
import { SLOW_READERS } from "./slow-readers.ts";
import { SLOW_WRITERS } from "./slow-writers.ts";

export const ATTACKS: readonly Attack[] = [
  ...BURSTS,
  ...BROKEN_OFF,
  ...FLOOD_ATTACKS,
  ...HISTORIES,
  ...SLOW_READERS,
  ...SLOW_WRITERS,
];
