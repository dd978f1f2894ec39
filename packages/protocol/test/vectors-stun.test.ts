import { describe, expect, test } from "vitest";
import { toHex } from "../src/bytes.ts";
import { answerBindingRequest, decodeBindingResponse } from "../src/stun/binding.ts";
import { bytesOf, stunVectors } from "./vector-files.ts";

const { requests, responses } = stunVectors();

describe("datagrams to a server", () => {
  test.each(requests)("$name", ({ hex, from: [address, port], answer }) => {
    const answered = answerBindingRequest(bytesOf(hex), { address, port });
    expect(answered ? toHex(answered) : null).toBe(answer);
  });
});

describe("responses", () => {
  test.each(responses)("$name", ({ hex, transactionId, mapped }) => {
    const response = decodeBindingResponse(bytesOf(hex));
    expect(toHex(response?.transactionId ?? new Uint8Array(0))).toBe(transactionId);
    expect(response?.mapped ?? null).toEqual(mapped && { address: mapped[0], port: mapped[1] });
  });

  test.each(requests.filter(({ answer }) => answer === null))("none: $name", ({ name, hex }) => {
    if (name.startsWith("a response")) expect(decodeBindingResponse(bytesOf(hex))).toBeDefined();
    else expect(decodeBindingResponse(bytesOf(hex))).toBeUndefined();
  });
});
