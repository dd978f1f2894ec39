/** A process in which one scene of the heart alone is played. */

import { serveTasks } from "../harness/tasks.ts";
import { HEART_SCENES } from "./heart-scenes.ts";

export interface HeartTask {
  readonly scene: string;
  readonly clients: number;
  readonly rounds: number;
}

serveTasks(async ({ scene, clients, rounds }: HeartTask) => {
  const found = HEART_SCENES.find(({ name }) => name === scene);
  if (!found) throw new Error(`there is no scene ${scene}`);
  return found.play(clients * found.scale, rounds);
});
