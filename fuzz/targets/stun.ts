import { isIPv4, SocketAddress } from "node:net";
import {
  answerBindingRequest,
  decodeBindingResponse,
  type Endpoint,
  equalBytes,
  isStunPacket,
} from "@lekt/protocol";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { naiveAnswer, naiveMapped, naiveStun } from "../models/naive-stun.ts";
import { stunVectors } from "./vector-seeds.ts";

const SUCCESS = 0x0101;
const ERROR = 0x0111;
/** As the system tells them, and their bytes. */
const SENDERS: readonly [string, string][] = [
  ["192.0.2.1", "c0000201"],
  ["255.255.255.255", "ffffffff"],
  ["::ffff:33.18.164.66", "2112a442"],
  ["2001:db8:1234:5678:11:2233:4455:6677", "20010db8123456780011223344556677"],
  ["fe80::1%eth0", "fe800000000000000000000000000001"],
];

export const STUN = { answerBindingRequest, decodeBindingResponse };

/** `calls`: who sends the datagram: an address, two bytes of the port. */
export function stunTarget(name: string, stun: typeof STUN = STUN): FuzzTarget {
  const run = ({ bytes, calls }: FuzzInput, note: Note) => {
    const [sender = 0, high = 0, low = 0] = calls;
    const [address, addressHex] = SENDERS[sender % SENDERS.length] as [string, string];
    const port = high * 256 + low;
    const message = naiveStun(bytes);
    note(`${message?.type} ${message?.attributes.map(({ type }) => type >> 4).slice(0, 3)}`);
    if (message) check(isStunPacket(bytes), "STUN is not known as such");
    const answer = stun.answerBindingRequest(bytes, { address, port });
    const expected = naiveAnswer(message, addressHex, port);
    check((answer === undefined) === (expected === undefined), "a request is judged otherwise");
    if (answer && expected) check(equalBytes(answer, expected), "another answer");
    const most = bytes.length + addressHex.length / 2 + 8;
    check((answer?.length ?? 0) <= most, "a forger gains by the length of an answer");
    const response = stun.decodeBindingResponse(bytes);
    const isResponse = message?.type === SUCCESS || message?.type === ERROR;
    check((response !== undefined) === isResponse, "a response is judged otherwise");
    if (!response || !message) return;
    check(equalBytes(response.transactionId, Buffer.from(message.id, "hex")), "another transaction");
    const mapped = response.mapped && platformForm(response.mapped);
    check(
      isSame(mapped, message.type === SUCCESS ? naiveMapped(message) : undefined),
      `another address: ${mapped?.address}, port ${mapped?.port}`,
    );
  };
  return {
    name,
    oracle:
      "requests are answered and responses read as a naive reader of RFC 8489 does, with no gain for a forger",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 600,
    dictionary: [
      ...["2112a442", "00010000", "01010000", "01110000", "00200008", "00200014", "00080014", "80220004"],
      ...["000100002112a442b7e7a701bc34d686fa87dfae", "00240004", "7fff0000", "80000000", "00000000"],
    ].map((hex) => Uint8Array.from(Buffer.from(hex, "hex"))),
    seeds: () => stunVectors().map((bytes, i) => inputOf(bytes, Uint8Array.of(i, 0x80, 0x55))),
    run,
  };
}

function platformForm({ address, port }: Endpoint): Endpoint {
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  return { address: new SocketAddress({ address, family }).address, port };
}
