import { namespaceObstacle } from "./namespaces.ts";

const obstacle = process.env["CI"] ? undefined : namespaceObstacle();
if (obstacle !== undefined) console.warn(`${obstacle}: nothing is tested behind NATs`);

/** Where there can be no laboratory the tests say so and are passed over, but never on CI. */
export const lacksLab = obstacle !== undefined;
