/** Very many clients in one process. They read no more of the protocol than the work needs. */

import { serveTasks } from "../harness/tasks.ts";
import { SocketClient } from "./socket-client.ts";

export type LoadTask =
  | { readonly do: "join"; readonly kind: "lekt" | "bare"; readonly port: number; readonly clients: number }
  | { readonly do: "update" };

/** So many connect at the same time. */
const CONNECTING = 128;

const clients: SocketClient[] = [];

serveTasks(async (task: LoadTask) => {
  if (task.do === "join") {
    while (clients.length < task.clients) {
      const count = Math.min(CONNECTING, task.clients - clients.length);
      const comers = Array.from(
        { length: count },
        (_, i) => new SocketClient(task.kind, task.port, clients.length + i),
      );
      await Promise.all(comers.map((comer) => comer.joined()));
      clients.push(...comers);
    }
    await Promise.all(clients.map((client) => client.begin(task.clients)));
  } else {
    const told = clients.map((client) => client.told(clients.length));
    for (const client of clients) client.update();
    await Promise.all(told);
  }
});
