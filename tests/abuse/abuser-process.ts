/** The bad clients, as a process of their own: what they cost must not slow down the good ones. */
import { ATTACKS } from "./attacks/attacks.ts";
import { Ground, type Order } from "./ground.ts";
import { Line } from "./line.ts";

const line = new Line(process, async (question) => {
  const order = question as Order;
  const attack = ATTACKS.find(({ name }) => name === order.attack);
  if (!attack) throw new Error(`there is no attack ${order.attack}`);
  const ground = new Ground(order, (asked) => line.ask(asked));
  await attack.run(ground);
  return ground.findings;
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
