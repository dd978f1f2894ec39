import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { ClientLeft, ScriptedClient } from "./scripted-client.ts";

/** What the server does with one connection. What it throws is thrown by `close`. */
export type Script = (client: ScriptedClient) => Promise<void> | void;

/** A server on 127.0.0.1 that plays one script a connection, in order, the last one again and again. */
export class ScriptedServer {
  readonly port: number;
  readonly url: string;
  /** Connections that came so far. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #faults: unknown[] = [];

  private constructor(server: Server, scripts: readonly Script[]) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.url = `lekt://127.0.0.1:${this.port}`;
    server.on("connection", (socket) => {
      const script = scripts[Math.min(this.connections++, scripts.length - 1)];
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      void this.#play(script, new ScriptedClient(socket));
    });
  }

  /** @param port 0: any that is free. */
  static async listen(scripts: readonly Script[], port = 0): Promise<ScriptedServer> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    return new ScriptedServer(server, scripts);
  }

  /** Stops listening, breaks all connections, throws what a script threw. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    if (this.#faults.length > 0) throw this.#faults[0];
  }

  async #play(script: Script | undefined, client: ScriptedClient): Promise<void> {
    try {
      await script?.(client);
    } catch (error) {
      if (!(error instanceof ClientLeft)) this.#faults.push(error);
    }
    // Who said goodbye gets an end, too.
    await client.left;
    client.socket.end();
  }
}
