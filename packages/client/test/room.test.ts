import { getEventListeners } from "node:events";
import type { ScriptedClient } from "@lekt/testkit";
import { describe, expect, test } from "vitest";
import { join, type RoomEvent } from "../src/index.ts";
import { RoomLog } from "./room-log.ts";
import { named } from "./roster-objects.ts";
import { serve, signalled } from "./servers.ts";
import { catchUncaught } from "./uncaught.ts";

async function welcome(client: ScriptedClient): Promise<void> {
  const { object } = await client.setup();
  await client.heartbeat();
  client.reply({ added: [object] });
}

/** Who joins, one after the other, each in a reply of its own. */
const comings =
  (...names: readonly string[]) =>
  async (client: ScriptedClient) => {
    await welcome(client);
    for (const name of names) {
      await client.heartbeat();
      client.reply({ added: [named(name)] });
    }
  };

const names = (events: readonly RoomEvent[]) =>
  events.map((event) => ("peer" in event ? `${event.type} ${event.peer.name}` : event.type));

describe("events", () => {
  test("iterators and listeners, each for itself", async () => {
    const server = await serve(comings("ann", "bob", "cid"));
    await using room = await join(server.url);
    const log = new RoomLog(room);
    const all = room.events();
    const two: RoomEvent[] = [];
    for await (const event of room) {
      two.push(event);
      if (two.length === 2) break;
    }
    expect(names(two)).toEqual(["joined ann", "joined bob"]);
    await log.until("joined cid");
    const read = [await all.next(), await all.next(), await all.next()].map(
      ({ value }) => value as RoomEvent,
    );
    expect(names(read)).toEqual(["joined ann", "joined bob", "joined cid"]);
  });

  test("a listener that was removed hears no more", async () => {
    const server = await serve(comings("ann", "bob"));
    await using room = await join(server.url);
    const heard: RoomEvent[] = [];
    const off = room.on((event) => {
      heard.push(event);
      off();
    });
    await new RoomLog(room).until("joined bob");
    expect(names(heard)).toEqual(["joined ann"]);
  });

  test("a listener that throws: an uncaught exception, and nobody else notices", async () => {
    const errors = catchUncaught();
    const server = await serve(comings("ann", "bob"));
    await using room = await join(server.url);
    room.on(() => {
      throw new Error("mine");
    });
    expect(await new RoomLog(room).until("joined bob")).toEqual(["joined ann", "joined bob"]);
    await expect.poll(() => errors).toHaveLength(2);
    expect(errors[0]).toMatchObject({ message: "mine" });
  });

  test("an iterator that is not read loses its events; the room goes on", async () => {
    const server = await serve(comings("ann", "bob", "cid", "dan"));
    await using room = await join(server.url, { maxQueuedEvents: 2 });
    const slow = room.events();
    const log = new RoomLog(room);
    await log.until("joined dan");
    await expect(slow.next()).rejects.toMatchObject({ code: "LEKT_EVENTS_LOST" });
    expect(await slow.next()).toEqual({ value: undefined, done: true });
    expect(room.status.state).toBe("online");
    expect(room.peers).toHaveLength(4);
  });

  test("a signal for one iterator", async () => {
    const server = await serve(comings());
    await using room = await join(server.url);
    const controller = new AbortController();
    const waiting = room.events({ signal: controller.signal }).next();
    const other = room.events().next();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    expect(room.status.state).toBe("online");
    await room.close();
    expect(await other).toMatchObject({ value: { type: "status", status: { state: "closed" } } });
  });

  test("a listener may close the room: what was on its way comes first", async () => {
    const server = await serve(async (client) => {
      await welcome(client);
      await client.heartbeat();
      client.reply({ added: [named("ann"), named("bob")] });
    });
    const room = await join(server.url);
    const log = new RoomLog(room);
    room.on((event) => {
      if (event.type === "joined") void room.close();
    });
    expect(await log.until("closed")).toEqual(["joined ann", "joined bob", "closed"]);
    expect(room.peers).toHaveLength(2);
  });
});

describe("leaving", () => {
  test("close: at once, more than once, and everything ends", async () => {
    const left = signalled();
    const server = await serve(async (client) => {
      await welcome(client);
      await client.left;
      left.resolve();
    });
    const room = await join(server.url);
    const log = new RoomLog(room);
    const reading = (async () => {
      const states: string[] = [];
      for await (const event of room) if (event.type === "status") states.push(event.status.state);
      return states;
    })();
    await Promise.all([room.close(), room.close()]);
    await room.close();
    await room.drain();
    await left.promise;
    expect(log.lines).toEqual(["closed"]);
    expect(await reading).toEqual(["closed"]);
    expect(room.status).toEqual({ state: "closed", attempt: 1 });
    expect(() => room.events()).toThrow(expect.objectContaining({ code: "LEKT_CLOSED" }));
    expect(() => room.on(() => {})).toThrow(expect.objectContaining({ code: "LEKT_CLOSED" }));
  });

  test("drain: ends its side, and waits for the server's", async () => {
    const goodbye = signalled();
    const server = await serve(async (client) => {
      await welcome(client);
      client.socket.once("end", () => goodbye.resolve());
      await goodbye.promise;
      expect(client.socket.readableAborted).toBe(false);
      client.reply({ added: [named("late")] });
    });
    const room = await join(server.url);
    const log = new RoomLog(room);
    await Promise.all([room.drain(), room.drain()]);
    await goodbye.promise;
    expect(log.lines).toEqual(["closed"]);
    expect(room.status.state).toBe("closed");
  });

  test("close cuts a drain short", async () => {
    const goodbye = signalled();
    const server = await serve(async (client) => {
      await welcome(client);
      client.socket.once("end", () => goodbye.resolve());
      // The server's end never comes.
      await new Promise(() => {});
    });
    const room = await join(server.url);
    const draining = room.drain();
    await goodbye.promise;
    await room.close();
    await draining;
    expect(room.status.state).toBe("closed");
  });

  test.each(["close", "drain"] as const)("%s while waiting to reconnect", async (how) => {
    const server = await serve(async (client) => {
      await welcome(client);
      client.cut();
    });
    const room = await join(server.url, { backoffBaseMs: 2 ** 30, backoffCapMs: 2 ** 30 });
    const log = new RoomLog(room);
    await log.until("waiting LEKT_CONNECTION_LOST");
    await room[how]();
    expect(log.lines).toEqual(["closed"]);
  });

  test("await using closes the room", async () => {
    const left = signalled();
    const server = await serve(async (client) => {
      await welcome(client);
      await client.left;
      left.resolve();
    });
    {
      await using room = await join(server.url);
      expect(room.status.state).toBe("online");
    }
    await left.promise;
  });

  test("nothing is left that keeps the process alive", async () => {
    const left = signalled();
    const server = await serve(async (client) => {
      await welcome(client);
      await client.left;
      client.socket.destroy();
      left.resolve();
    });
    const busy = () =>
      process.getActiveResourcesInfo().filter((name) => /TCPSocket|Timeout|TCPConnect|GetAddr/.test(name));
    const before = busy().length;
    const room = await join(server.url);
    const closing = room.close();
    await closing;
    await left.promise;
    await expect.poll(() => busy().length).toBeLessThanOrEqual(before);
  });
});

describe("an AbortSignal", () => {
  const phases = ["before", "dial", "handshake", "setup", "roster", "waiting"] as const;

  test.each(phases)("aborts the joining: %s", async (phase) => {
    const controller = new AbortController();
    const { signal } = controller;
    const abort = () => controller.abort("enough");
    const server = await serve(async (client) => {
      if (phase === "waiting") return client.cut();
      await client.next();
      if (phase === "handshake") return abort();
      client.send(Buffer.from("LEKTA\u0001\0\0", "latin1"));
      if (phase === "setup") return abort();
      client.ready();
      await client.heartbeat();
      client.update({ added: [named("ann")] });
      abort();
    });
    if (phase === "before") abort();
    const joining = join(server.url, {
      signal,
      waitForServer: phase === "waiting",
      backoffBaseMs: 2 ** 30,
      backoffCapMs: 2 ** 30,
      ...(phase === "dial" && {
        dial: (target) =>
          new Promise((_, reject) => {
            target.signal.addEventListener("abort", () => reject(new Error("stopped")));
            abort();
          }),
      }),
    });
    if (phase === "waiting") {
      await expect.poll(() => server.connections).toBe(1);
      setTimeout(abort, 20);
    }
    await expect(joining).rejects.toMatchObject({ code: "LEKT_ABORTED", cause: "enough" });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("closes the room later, and is let go of when it is closed otherwise", async () => {
    const server = await serve(comings());
    const controller = new AbortController();
    const room = await join(server.url, { signal: controller.signal });
    const log = new RoomLog(room);
    const other = await join(server.url, { signal: controller.signal });
    await other.close();
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    const reading = room.events();
    controller.abort();
    expect(log.lines).toEqual(["closed"]);
    expect(room.status).toEqual({ state: "closed", attempt: 1 });
    expect((await reading.next()).value).toMatchObject({ type: "status" });
    expect(await reading.next()).toEqual({ value: undefined, done: true });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    await room.close();
  });

  test("is let go of when the room gives up", async () => {
    const server = await serve((client) => client.reject("auth", "no"));
    const controller = new AbortController();
    await expect(join(server.url, { signal: controller.signal })).rejects.toMatchObject({
      code: "LEKT_REJECT_AUTH",
    });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

test("a stream that cannot be dialled: whatever it throws is LEKT_CONNECT", async () => {
  const dial = () => Promise.reject(new Error("no wire"));
  await expect(join("lekt://host", { dial })).rejects.toMatchObject({
    code: "LEKT_CONNECT",
    message: "Could not connect to host:15358: no wire",
  });
});
