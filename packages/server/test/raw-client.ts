import { onTestFinished } from "vitest";
import { RawConnection, type RawConnectionOptions } from "./raw-connection.ts";

/** A client of bytes that is gone at the end of its test. */
export class RawClient extends RawConnection {
  static override async connect(port: number, options: RawConnectionOptions = {}): Promise<RawClient> {
    const client = await RawConnection.connect(port, options);
    onTestFinished(() => {
      client.socket.destroy();
    });
    return client;
  }
}
