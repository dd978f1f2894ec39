import { describe, expect, test } from "vitest";
import { concatBytes, toHex } from "../src/bytes.ts";
import { decodeListeningPorts } from "../src/payloads/endpoints.ts";
import { decodeUdp } from "../src/payloads/udp.ts";
import { byteByByte, cutAt } from "./stream-pieces.ts";
import { bytesOf, GOOD_FILES, goodVectors, type PacketFields, type PortsField } from "./vector-files.ts";
import { decodeVector, describePackets, encodeFields, packetsOf } from "./vector-packets.ts";

const vectors = GOOD_FILES.flatMap((file) => goodVectors(file).map((vector) => ({ file, ...vector })));

describe.each(vectors)("$file: $name", (vector) => {
  const bytes = bytesOf(vector.hex);
  const whole = decodeVector(vector, [bytes]);
  const expected = packetsOf(vector);

  test("whole, it says what it should", () => {
    expect(whole.fault).toBeUndefined();
    expect(describePackets(whole.packets)).toEqual(expected.map(withoutDecoded));
  });

  test("split at every byte, and byte by byte, it says the same", () => {
    const same = summary(whole);
    for (let at = 0; at <= bytes.length; at++) {
      expect(summary(decodeVector(vector, cutAt(bytes, [at])))).toBe(same);
    }
    expect(summary(decodeVector(vector, byteByByte(bytes)))).toBe(same);
  });

  test("truncated at every byte, it says the beginning of the same and is no error", () => {
    for (let end = 0; end < bytes.length; end++) {
      const part = decodeVector(vector, [bytes.subarray(0, end)]);
      const count = part.packets.length;
      expect(count).toBeLessThan(whole.packets.length);
      expect(summary(part)).toBe(summary({ ...whole, packets: whole.packets.slice(0, count) }));
    }
  });

  test("our encoders write the same bytes", () => {
    const encoded = expected.map(encodeFields);
    if (encoded.some((packet) => packet === undefined)) return expect(NOT_ENCODED).toContain(vector.name);
    expect(toHex(concatBytes(encoded as Uint8Array[]))).toBe(vector.hex);
  });

  test("ports beside a payload are those in it", () => {
    for (const fields of expected) {
      if (fields.type !== "response") continue;
      const payload = bytesOf(fields.payload);
      if (fields.tcp) expect(decodeListeningPorts(payload)).toEqual(readPorts(fields.tcp));
      if (fields.udp) expect(decodeUdp(payload)).toEqual(readPorts(fields.udp));
    }
  });
});

/** What our server never sends, and so no encoder writes. */
const NOT_ENCODED = [
  "end of reply whose version bytes differ",
  "an empty list of removed: no effect, and not the end of a reply",
  "unknown word",
  "no word at all",
  "no space after the colon: not the known word",
  "a word alone, without colon and space: not the known word",
  "upper case: not the known word",
  "empty message",
];

/** A text: quicker to compare, thousands of times, than packets with their bytes. */
function summary({ packets, fault }: ReturnType<typeof decodeVector>): string {
  return JSON.stringify([packets.length, describePackets(packets), fault]);
}

function withoutDecoded(fields: PacketFields): object {
  if (fields.type !== "response") return fields;
  const { tcp: _tcp, udp: _udp, ...rest } = fields;
  return rest;
}

function readPorts(ports: PortsField): object {
  return { ...ports, endpoints: ports.endpoints.map(([address, port]) => ({ address, port })) };
}
