import { writeU16 } from "../integers.ts";
import { rosterAddress } from "../ip.ts";
import type { Endpoint } from "../payloads/endpoints.ts";
import { decodeStunMessage, encodeStunMessage, STUN_TYPE, type StunMessage } from "./stun-message.ts";
import { decodeXorMappedAddress, encodeXorMappedAddress } from "./xor-mapped-address.ts";

/** A server's answer to a binding request. */
export interface BindingResponse {
  readonly transactionId: Uint8Array;
  /** The sender's address and port as the server sees them; undefined where it answered with an error. */
  readonly mapped: Endpoint | undefined;
}

const ATTRIBUTE = { errorCode: 0x0009, unknownAttributes: 0x000a, xorMappedAddress: 0x0020 } as const;

/** Attributes below this have to be understood, the others may be passed over (RFC 8489, section 14). */
const OPTIONAL_FROM = 0x8000;
/**
 * Those of RFC 8489 that have to be understood. They are about who somebody is, which is all the same here,
 * or belong into responses.
 */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e, 0x0020,
]);

/** @param transactionId 12 random bytes: who cannot guess them cannot answer in the server's name. */
export function encodeBindingRequest(transactionId: Uint8Array): Uint8Array {
  return encodeStunMessage({ type: STUN_TYPE.bindingRequest, transactionId, attributes: [] });
}

/** @returns undefined where it is no response to a binding request. Whose it is, its transaction id says. */
export function decodeBindingResponse(bytes: Uint8Array): BindingResponse | undefined {
  const message = decodeStunMessage(bytes);
  if (message?.type === STUN_TYPE.bindingError) {
    return { transactionId: message.transactionId, mapped: undefined };
  }
  if (message?.type !== STUN_TYPE.bindingSuccess) return undefined;
  const { transactionId, attributes } = message;
  const attribute = attributes.find(({ type }) => type === ATTRIBUTE.xorMappedAddress);
  return { transactionId, mapped: attribute && decodeXorMappedAddress(attribute.value, transactionId) };
}

/**
 * What a server answers to a datagram: a success with the sender's address, or an error where the request has
 * attributes that have to be understood and are not. Never longer than the request and the one attribute for
 * the address, so that nobody gains by sending it in another's name (spec 8.3).
 * @returns undefined where it is no binding request, or `from` no address.
 */
export function answerBindingRequest(bytes: Uint8Array, from: Endpoint): Uint8Array | undefined {
  const address = rosterAddress(from.address);
  const request = decodeStunMessage(bytes);
  if (!address || request?.type !== STUN_TYPE.bindingRequest) return undefined;
  const { transactionId } = request;
  const unknown = unknownAttributes(request);
  if (unknown.length > 0) {
    return encodeStunMessage({
      type: STUN_TYPE.bindingError,
      transactionId,
      attributes: [
        { type: ATTRIBUTE.errorCode, value: UNKNOWN_ATTRIBUTE },
        { type: ATTRIBUTE.unknownAttributes, value: encodeTypes(unknown) },
      ],
    });
  }
  const value = encodeXorMappedAddress(address, from.port, transactionId);
  return encodeStunMessage({
    type: STUN_TYPE.bindingSuccess,
    transactionId,
    attributes: [{ type: ATTRIBUTE.xorMappedAddress, value }],
  });
}

/** 420: class 4, number 20, no words. */
const UNKNOWN_ATTRIBUTE = Uint8Array.of(0, 0, 4, 20);

function unknownAttributes({ attributes }: StunMessage): number[] {
  const types = attributes.map(({ type }) => type);
  return types.filter((type) => type < OPTIONAL_FROM && !UNDERSTOOD.has(type));
}

function encodeTypes(types: readonly number[]): Uint8Array {
  const value = new Uint8Array(2 * types.length);
  for (const [i, type] of types.entries()) writeU16(value, 2 * i, type);
  return value;
}
