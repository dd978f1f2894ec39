import { once } from "node:events";
import { Line } from "../abuse/line.ts";
import type { Host } from "./nat-lab.ts";
import type { Connected, Endpoint, Heard, ProbeOrder } from "./probe-process.ts";

/** Plain sockets on a machine of the laboratory. They live as long as the laboratory. */
export class Prober {
  readonly #line: Line;
  readonly #address: string;

  private constructor(line: Line, address: string) {
    this.#line = line;
    this.#address = address;
  }

  static async on(host: Host): Promise<Prober> {
    const child = host.fork("probe-process.ts");
    await once(child, "message");
    return new Prober(new Line(child, () => undefined), host.address);
  }

  async udp(address = this.#address): Promise<UdpProbe> {
    return new UdpProbe((order) => this.#ask(order), {
      address,
      port: await this.#ask({ do: "bind", address }),
    });
  }

  /** @returns where it listens; who connects is told where it comes from. */
  async listen(address = this.#address): Promise<Endpoint> {
    return { address, port: await this.#ask({ do: "listen", address }) };
  }

  /** How many have connected to this port. */
  connectionsTo({ port }: Endpoint): Promise<number> {
    return this.#ask({ do: "count", port });
  }

  connect(to: Endpoint, localPort?: number): Promise<Connected> {
    return this.#ask({ do: "connect", to, ...(localPort !== undefined && { localPort }) });
  }

  /** Dials somebody who dials this very port at the same time. */
  async meet(to: Endpoint, localPort: number): Promise<void> {
    await this.#ask({ do: "connect", to, localPort, simultaneous: true });
  }

  #ask<Answer>(order: ProbeOrder): Promise<Answer> {
    return this.#line.ask<Answer>(order);
  }
}

/** One UDP socket. */
export class UdpProbe {
  readonly #ask: <Answer>(order: ProbeOrder) => Promise<Answer>;
  /** As the machine sees it. */
  readonly local: Endpoint;

  constructor(ask: <Answer>(order: ProbeOrder) => Promise<Answer>, local: Endpoint) {
    this.#ask = ask;
    this.local = local;
  }

  async send(to: Endpoint, text: string): Promise<void> {
    await this.#ask({ do: "send", port: this.local.port, to, text });
  }

  /** The next datagram. */
  hear(): Promise<Heard> {
    return this.#ask({ do: "hear", port: this.local.port });
  }

  /** All that came before the datagram with this text. */
  async heardBefore(text: string): Promise<string[]> {
    for (const before: string[] = []; ; ) {
      const heard = await this.hear();
      if (heard.text === text) return before;
      before.push(heard.text);
    }
  }
}
