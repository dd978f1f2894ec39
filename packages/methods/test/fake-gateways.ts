import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Inbox } from "./fake-host.ts";

/** A router that speaks NAT-PMP on loopback, and maps what it is asked for to the port `outerPort`. */
export class FakePmpGateway {
  readonly requests = new Inbox<Buffer>();
  outerPort = 40_000;
  result = 0;
  /** Sent instead of the answer. */
  garbage: Buffer | undefined;
  /** So many requests are lost on their way. */
  losses = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (request, { port, address }) => {
      this.requests.put(request);
      if (this.losses-- > 0) return;
      if (this.garbage) socket.send(this.garbage, port, address);
      socket.send(this.#answer(request), port, address);
    });
  }

  static async open(): Promise<FakePmpGateway> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new FakePmpGateway(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
  }

  #answer(request: Buffer): Buffer {
    const opcode = request.readUInt8(1);
    const answer = Buffer.alloc(opcode === 0 ? 12 : 16);
    answer.writeUInt8(opcode + 128, 1);
    answer.writeUInt16BE(this.result, 2);
    if (opcode === 0) answer.set([203, 0, 113, 21], 8);
    else {
      answer.writeUInt16BE(request.readUInt16BE(4), 8);
      answer.writeUInt16BE(this.outerPort, 10);
      answer.writeUInt32BE(request.readUInt32BE(8), 12);
    }
    return answer;
  }
}

export interface SoapCall {
  readonly action: string;
  readonly args: Readonly<Record<string, string>>;
}

/** A router that speaks UPnP on loopback, strict where routers are: it removes what is named whole and rightly. */
export class FakeUpnpGateway {
  readonly calls: SoapCall[] = [];
  /** "TCP 4000" */
  readonly mapped = new Set<string>();
  /** Opens no port. */
  refuses = false;
  outerPort = 40_000;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<FakeUpnpGateway> {
    const server = createServer();
    const gateway = new FakeUpnpGateway(server);
    server.on("request", async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const [status, body] =
        request.method === "GET"
          ? [200, DESCRIPTION]
          : gateway.#call(`${request.headers["soapaction"]}`, Buffer.concat(chunks).toString());
      response.writeHead(status, { "content-type": "text/xml", connection: "close" }).end(body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return gateway;
  }

  get description(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/description.xml`);
  }

  async close(): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }

  #call(soapAction: string, body: string): [number, string] {
    const action = /#(\w+)"/.exec(soapAction)?.[1] ?? "";
    const args = Object.fromEntries(
      [...body.matchAll(/<(New\w+)>([^<]*)</g)].map(([, name, value]) => [name, value]),
    );
    this.calls.push({ action, args });
    const key = `${args["NewProtocol"]} ${args["NewExternalPort"]}`;
    if (action === "GetExternalIPAddress")
      return [200, envelope(action, "<NewExternalIPAddress>203.0.113.21</NewExternalIPAddress>")];
    if (action === "AddAnyPortMapping" && !this.refuses) {
      this.mapped.add(`${args["NewProtocol"]} ${this.outerPort}`);
      return [200, envelope(action, `<NewReservedPort>${this.outerPort}</NewReservedPort>`)];
    }
    if (action === "DeletePortMapping" && this.mapped.delete(key)) return [200, envelope(action, "")];
    return [500, FAULT];
  }
}

const SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:2";

const DESCRIPTION = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:2</deviceType><UDN>uuid:1</UDN>
<serviceList><service><serviceType>${SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/event</eventSubURL></service></serviceList>
</device></root>`;

function envelope(action: string, body: string): string {
  return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<u:${action}Response xmlns:u="${SERVICE}">${body}</u:${action}Response></s:Body></s:Envelope>`;
}

const FAULT = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<faultcode>s:Client</faultcode><detail><UPnPError><errorCode>714</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>`;
