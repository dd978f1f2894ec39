import { randomBytes } from "node:crypto";
import {
  concatBytes,
  decodeBindingResponse,
  decodeServerInfo,
  encodeBindingRequest,
  equalBytes,
  METHOD,
  STUN_TRANSACTION_ID_BYTES,
  toHex,
} from "@lekt/protocol";
import { Failed, Skipped } from "../check.ts";
import { namedService, type ServiceAddress } from "../named-service.ts";
import { bytesOf, u32 } from "../raw-packets.ts";
import { wordsOf } from "../roster-model.ts";
import { QUIET_MS, type ServerBench, type ServerCheck } from "../server-bench.ts";
import type { StunSocket } from "../stun-socket.ts";

const needs = [METHOD.server];
const HEAD_BYTES = 20;
/** The attribute for an address, with its head (spec 8.3.3). */
const ADDRESS_BYTES = { ipv4: 12, ipv6: 24 } as const;
/** Has to be understood, and is not in RFC 8489. */
const UNKNOWN = 0x7fff;
/** Need not be understood: SOFTWARE, "lekt". */
const SOFTWARE = Uint8Array.of(0x80, 0x22, 0, 4, 0x6c, 0x65, 0x6b, 0x74);

/** Where the server says that it answers (methods.md, 23). @throws Skipped where it tells of nothing. */
async function stunOf(bench: ServerBench): Promise<ServiceAddress[]> {
  const guest = await bench.member(4_001, [[METHOD.server, new Uint8Array(0)]]);
  const [payload] = wordsOf(await guest.beat(), METHOD.server);
  const { stun = [] } = (payload && decodeServerInfo(payload)) ?? {};
  if (stun.length === 0) throw new Skipped("the server tells of no STUN");
  return await Promise.all(stun.map((text) => namedService(text, guest.line)));
}

function freshRequest(...attributes: readonly Uint8Array[]): Uint8Array {
  const request = encodeBindingRequest(randomBytes(STUN_TRANSACTION_ID_BYTES));
  const message = concatBytes([request, ...attributes]);
  message[3] = message.length - HEAD_BYTES;
  return message;
}

function transactionId(message: Uint8Array): Uint8Array {
  return message.subarray(8, HEAD_BYTES);
}

/** Asks one address. @throws Skipped where no datagram gets through at all. */
async function ask(socket: StunSocket, to: ServiceAddress, request: Uint8Array): Promise<Uint8Array> {
  const answer = await socket.ask(request);
  if (answer) return answer;
  const where = `${to.host}, UDP port ${to.port}`;
  if (!isLoopback(to.host)) throw new Skipped(`no answer of ${where}: UDP is often filtered on the way`);
  throw new Failed(`an answer of ${where}`, "none");
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** A success response with the sender's address and nothing else (spec 8.3.1). */
function mustMap(answer: Uint8Array, request: Uint8Array, to: ServiceAddress, port: number): void {
  const bytes = HEAD_BYTES + ADDRESS_BYTES[to.isIpv6 ? "ipv6" : "ipv4"];
  const expected = `a binding success response of ${bytes} bytes with XOR-MAPPED-ADDRESS`;
  const response = decodeBindingResponse(answer);
  if (!response?.mapped || answer.length !== bytes) throw new Failed(expected, toHex(answer));
  if (!equalBytes(response.transactionId, transactionId(request)))
    throw new Failed("the transaction id of the request", toHex(response.transactionId));
  // A router on the way may have changed both.
  const { address, port: seen } = response.mapped;
  if (isLoopback(to.host) && (!isLoopback(address) || seen !== port))
    throw new Failed(`a loopback address, port ${port}`, `${address}, port ${seen}`);
}

export const stunChecks: readonly ServerCheck[] = [
  {
    id: "stun",
    clauses: ["8.3.1", "8.3.3", "methods 23"],
    rule: "Both addresses in `stun` answer a binding request by XOR-MAPPED-ADDRESS, and nothing else.",
    level: "must",
    needs,
    run: async (bench) => {
      const addresses = await stunOf(bench);
      const ports = new Set(addresses.map(({ port }) => port));
      if (ports.size < 2) throw new Failed("two ports in `stun`", [...ports].join(" "));
      for (const to of addresses) {
        const socket = await bench.stunSocket(to);
        for (const request of [freshRequest(), freshRequest(SOFTWARE)])
          mustMap(await ask(socket, to, request), request, to, socket.port);
      }
    },
  },
  {
    id: "stun-unknown",
    clauses: ["8.3.2", "8.3.3"],
    rule: "A binding request with an attribute that has to be understood, and is not, gets ERROR-CODE 420 without a reason, and UNKNOWN-ATTRIBUTES.",
    level: "must",
    needs,
    run: async (bench) => {
      const [to] = await stunOf(bench);
      if (!to) return;
      const request = freshRequest(u32(UNKNOWN * 65_536));
      const answer = toHex(await ask(await bench.stunSocket(to), to, request));
      const parts = [
        `01110010${toHex(request.subarray(4, HEAD_BYTES))}`,
        "0009000400000414",
        `000a0002${UNKNOWN.toString(16)}`,
      ];
      if (answer.length !== 2 * (HEAD_BYTES + 16) || !parts.every((part) => answer.includes(part)))
        throw new Failed("a binding error response with ERROR-CODE 420 and UNKNOWN-ATTRIBUTES 7fff", answer);
    },
  },
  {
    id: "stun-ignored",
    clauses: ["8.3.2"],
    rule: "What is no binding request gets no answer: another magic cookie, another type, a wrong length, anything else.",
    level: "must",
    needs,
    run: async (bench) => {
      const [to] = await stunOf(bench);
      if (!to) return;
      const socket = await bench.stunSocket(to);
      const otherCookie = freshRequest();
      otherCookie[4] = 0;
      const indication = freshRequest();
      indication[1] = 0x11;
      const response = freshRequest();
      response[0] = 1;
      const tooLong = freshRequest();
      tooLong[3] = 8;
      const none = [otherCookie, indication, response, tooLong, freshRequest().subarray(0, 19)];
      for (const bytes of [...none, bytesOf("LEKT"), new Uint8Array(0), new Uint8Array(40).fill(0xff)])
        socket.send(bytes);
      // What would be answered, however late, is answered before this.
      const request = freshRequest();
      mustMap(await ask(socket, to, request), request, to, socket.port);
      await socket.quiet("no answer to what is no binding request", QUIET_MS);
    },
  },
];
