import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { defaultGateway } from "./default-gateway.ts";
import { type Gateway, MAPPING_LIFETIME_SECONDS, type MappingRequest, withGrace } from "./gateway.ts";
import {
  decodeMapResponse,
  decodeOuterAddressResponse,
  encodeMapRequest,
  encodeOuterAddressRequest,
  type PmpMapping,
} from "./nat-pmp-messages.ts";

const PMP_PORT = 5_351;
/** Sent again after these times (RFC 6886, 3.1, cut short: a gateway is near). */
const RESEND_AFTER_MS = [250, 500, 1_000];

export async function* natPmpGateways(): AsyncGenerator<Gateway> {
  const host = await defaultGateway();
  if (host) yield natPmpGateway(host);
}

export function natPmpGateway(host: string, port = PMP_PORT): Gateway {
  const ask = <Answer>(
    request: Uint8Array,
    decode: (bytes: Uint8Array) => Answer | undefined,
    signal: AbortSignal,
  ) => asked(host, port, request, decode, signal);
  const askToMap = (
    { transport, port: innerPort }: MappingRequest,
    rest: Omit<PmpMapping, "innerPort">,
    signal: AbortSignal,
  ) =>
    ask(
      encodeMapRequest(transport, { innerPort, ...rest }),
      (bytes) => {
        const mapping = decodeMapResponse(bytes, transport);
        return mapping?.innerPort === innerPort ? mapping : undefined;
      },
      signal,
    );
  return {
    protocol: "NAT-PMP",
    async map(request, signal) {
      const address = await ask(encodeOuterAddressRequest(), decodeOuterAddressResponse, signal);
      const wanted = { outerPort: request.wantedPort, lifetimeSeconds: MAPPING_LIFETIME_SECONDS };
      const { outerPort, lifetimeSeconds } = await askToMap(request, wanted, withGrace(signal));
      return {
        address,
        port: outerPort,
        lifetimeMs: lifetimeSeconds * 1_000,
        async remove(removalSignal) {
          await askToMap(request, { outerPort: 0, lifetimeSeconds: 0 }, removalSignal);
        },
      };
    },
  };
}

/** Only datagrams of the gateway reach a connected socket. */
async function asked<Answer>(
  host: string,
  port: number,
  request: Uint8Array,
  decode: (bytes: Uint8Array) => Answer | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const socket = createSocket("udp4");
  try {
    socket.connect(port, host);
    await once(socket, "connect", { signal });
    return await firstAnswer(socket, request, decode, signal);
  } finally {
    socket.close();
  }
}

function firstAnswer<Answer>(
  socket: Socket,
  request: Uint8Array,
  decode: (bytes: Uint8Array) => Answer | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    const send = (number: number) => {
      const waitMs = RESEND_AFTER_MS[number];
      if (waitMs === undefined) return settle(() => reject(new Error("The gateway does not answer.")));
      socket.send(request);
      timer = setTimeout(send, waitMs, number + 1);
    };
    socket.on("message", (bytes) => {
      try {
        const answer = decode(bytes);
        if (answer !== undefined) settle(() => resolve(answer));
      } catch (error) {
        settle(() => reject(error));
      }
    });
    // Where the gateway says that nobody listens there.
    socket.on("error", (error) => settle(() => reject(error)));
    signal.addEventListener("abort", onAbort, { once: true });
    send(0);
  });
}
