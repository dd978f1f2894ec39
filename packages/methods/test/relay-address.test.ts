import { expect, it } from "vitest";
import { formatRelayAddress, parseRelayAddress } from "../src/relay/relay-address.ts";

it.each(["relay.example:1", "203.0.113.7:65535", "[2001:db8::7]:15358", "[::ffff:203.0.113.7]:15358"])(
  "%s is a relay",
  (text) => {
    const relay = parseRelayAddress(text);
    expect(relay && formatRelayAddress(relay)).toBe(text);
  },
);

it.each([
  "",
  "relay",
  "relay:",
  "relay:0",
  "relay:65536",
  ":1",
  "[]:1",
  "[:0]:1",
  "[relay]:1",
  "[203.0.113.7]:1",
  "::1:1",
])("%j is none", (text) => {
  expect(parseRelayAddress(text)).toBeUndefined();
});
