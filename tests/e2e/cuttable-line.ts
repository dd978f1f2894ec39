import { connect, createServer, type Server, type Socket } from "node:net";

/** A line between client and server that a test can cut; it counts what comes down. */
export class CuttableLine {
  /** Bytes from the server on the connections since the last cut. */
  bytesDown = 0;
  #isDown = false;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(serverPort: number) {
    this.#listener = createServer((client) => {
      if (this.#isDown) {
        client.destroy();
        return;
      }
      const server = connect(serverPort, "127.0.0.1");
      server.on("data", (bytes) => {
        this.bytesDown += bytes.length;
      });
      client.pipe(server);
      server.pipe(client);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => this.#sockets.delete(socket));
      }
    });
  }

  static async to(serverPort: number): Promise<CuttableLine> {
    const line = new CuttableLine(serverPort);
    await new Promise<void>((resolve) => line.#listener.listen(0, "127.0.0.1", resolve));
    return line;
  }

  get port(): number {
    return (this.#listener.address() as { port: number }).port;
  }

  /** Until `restore`, every connection is cut, and every new one, too. */
  cut(): void {
    this.#isDown = true;
    this.bytesDown = 0;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  restore(): void {
    this.#isDown = false;
  }

  close(): void {
    this.cut();
    this.#listener.close();
  }
}
