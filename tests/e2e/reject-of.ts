import { MAX_REJECT_BYTES, type RejectWord } from "@lekt/protocol";
import { expect } from "vitest";
import type { RawClient } from "../../packages/server/test/raw-client.ts";

/** Waits for the end of the connection, and expects a Reject of the right form before it (spec 6). */
export async function expectReject(client: RawClient, word: string): Promise<void> {
  await client.end();
  const { rejected, bytes } = client;
  expect(rejected?.word).toBe(word as RejectWord);
  expect(client.error).toBeUndefined();
  const message = rejected?.message ?? "";
  // A word, a colon, a space, and text of which no byte is a stranger's.
  expect(message).toMatch(/^[a-z]+: [\x20-\x7e]+$/);
  expect(message.length + 1).toBeLessThanOrEqual(MAX_REJECT_BYTES);
  expect(bytes.subarray(-1 - message.length).toString("latin1")).toBe(`${message}\0`);
}
