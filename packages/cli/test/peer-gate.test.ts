import { identityText, toHex } from "@lekt/protocol";
import { expect, test } from "vitest";
import { PeerGate } from "../src/peers/peer-gate.ts";

const ADA = new Uint8Array(32).fill(1);
const EVE = new Uint8Array(32).fill(2);

test.each([
  ["nothing", [], false, []],
  ["a network key", [], true, [ADA, EVE]],
  ["ada's identity", [toHex(ADA)], false, [ADA]],
  ["ada's short identity", [identityText(ADA).toUpperCase()], false, [ADA]],
  ["a network key, and ada's identity", [toHex(ADA)], true, [ADA]],
  ["the word anyone", ["anyone"], false, [ADA, EVE]],
])("with %s", (_, allow, hasKey, admitted) => {
  const gate = new PeerGate(allow, hasKey);
  expect([ADA, EVE].filter((identity) => gate.admits(identity))).toEqual(admitted);
  for (const identity of [ADA, EVE]) {
    const connect = () => gate.throwIfStranger("ada", identity);
    if (admitted.includes(identity)) connect();
    else expect(connect).toThrow(expect.objectContaining({ code: "LEKT_PEER_IDENTITY" }));
  }
});

test("a stranger is told of with what would let it in", () => {
  const eve = identityText(EVE);
  expect(() => new PeerGate([], false).throwIfStranger("ada", EVE)).toThrow(
    `Not connected to ada (${eve}), which is a stranger: the URL has no network key. ` +
      `Use a URL with #key= (lekt key makes one), or say --allow ${eve}, or this identity in place of the name, where you know it to be right.`,
  );
  expect(() => new PeerGate([toHex(ADA)], true).throwIfStranger(undefined, EVE)).toThrow(
    `Not connected to ${eve}, which is a stranger: --allow names others alone. Say --allow ${eve}, `,
  );
});
