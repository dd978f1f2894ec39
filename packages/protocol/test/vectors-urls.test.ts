import { describe, expect, test } from "vitest";
import { toHex } from "../src/bytes.ts";
import { formatLektUrl, parseLektUrl } from "../src/lekt-url.ts";
import { faultOf } from "./stream-pieces.ts";
import { urlVectors } from "./vector-files.ts";

const { valid, invalid } = urlVectors();

describe("URLs of the right form", () => {
  test.each(valid)("$url", ({ url, parsed }) => {
    const { fragment: _fragment, network, networkKey, ...rest } = parseLektUrl(url);
    const key = networkKey && { networkKey: toHex(networkKey) };
    expect({ ...rest, network: network ?? null, ...key }).toEqual(parsed);
  });

  test.each(valid)("$url, written again, means the same", ({ url }) => {
    expect(parseLektUrl(formatLektUrl(parseLektUrl(url)))).toEqual(parseLektUrl(url));
  });
});

describe("others", () => {
  test.each(invalid)("$url: $why", ({ url }) => {
    let fault: string | undefined;
    try {
      parseLektUrl(url);
    } catch (error) {
      fault = faultOf(error);
    }
    expect(fault).toBe("LEKT_URL");
  });
});
