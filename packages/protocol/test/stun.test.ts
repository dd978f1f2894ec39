import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIpv4, formatIpv6 } from "../src/ip.ts";
import { answerBindingRequest, decodeBindingResponse, encodeBindingRequest } from "../src/stun/binding.ts";
import {
  decodeStunMessage,
  encodeStunMessage,
  isStunPacket,
  STUN_HEADER_BYTES,
  STUN_TYPE,
} from "../src/stun/stun-message.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const transactionId = bytes(12);
const address = fc.oneof(
  fc.nat({ max: 0xffffffff }).map(formatIpv4),
  bytes(16)
    .filter(([first]) => first !== 0)
    .map(formatIpv6),
);
const endpoint = fc.record({ address, port: fc.integer({ min: 1, max: 65_535 }) });
const attributes = fc.array(
  fc.record({ type: fc.nat({ max: 0xffff }), value: fc.uint8Array({ maxLength: 40 }) }),
  { maxLength: 20 },
);

/** An attribute with an address: 4 bytes of head, 8 or 20 of value. */
const addressBytes = ({ address }: { address: string }) => (address.includes(":") ? 24 : 12);

describe("a binding request", () => {
  test("is answered with the address that it came from", () => {
    fc.assert(
      fc.property(transactionId, endpoint, (id, from) => {
        const request = encodeBindingRequest(id);
        expect(request.length).toBe(STUN_HEADER_BYTES);
        const answer = answerBindingRequest(request, from) as Uint8Array;
        expect(answer.length).toBe(request.length + addressBytes(from));
        expect(decodeBindingResponse(answer)).toEqual({ transactionId: id, mapped: from });
      }),
    );
  });

  test("is never answered with more than itself and the one attribute, whatever is in it", () => {
    fc.assert(
      fc.property(transactionId, attributes, endpoint, (id, given, from) => {
        const request = encodeStunMessage({
          type: STUN_TYPE.bindingRequest,
          transactionId: id,
          attributes: given,
        });
        const answer = answerBindingRequest(request, from) as Uint8Array;
        expect(answer.length).toBeLessThanOrEqual(request.length + addressBytes(from));
        expect(answerBindingRequest(answer, from)).toBeUndefined();
      }),
    );
  });
});

describe("any bytes", () => {
  test("make no decoder fail, and no long answer", () => {
    const head = fc.tuple(fc.constantFrom(0x0001, 0x0101, 0x0111, 0x0003), transactionId);
    const spoiled = fc
      .tuple(head, attributes, fc.nat(), fc.nat({ max: 255 }))
      .map(([[type, id], given, at, byte]) => {
        const message = encodeStunMessage({ type, transactionId: id, attributes: given });
        message[at % message.length] = byte;
        return message;
      });
    const from = { address: "192.0.2.1", port: 1 };
    fc.assert(
      fc.property(fc.oneof(spoiled, fc.uint8Array({ maxLength: 100 })), (datagram) => {
        decodeBindingResponse(datagram);
        expect(isStunPacket(datagram) || decodeStunMessage(datagram) === undefined).toBe(true);
        expect(answerBindingRequest(datagram, from)?.length ?? 0).toBeLessThanOrEqual(datagram.length + 12);
      }),
    );
  });

  test("messages come back as they were", () => {
    fc.assert(
      fc.property(fc.nat({ max: 0x3fff }), transactionId, attributes, (type, id, given) => {
        const message = { type, transactionId: id, attributes: given };
        expect(decodeStunMessage(encodeStunMessage(message))).toEqual(message);
      }),
    );
  });
});
