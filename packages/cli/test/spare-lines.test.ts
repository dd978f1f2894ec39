import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { SpareLines } from "../src/spare-lines.ts";

const ROOM_BYTES = 10;

/** An output that is read when the test says so. */
class Reader extends Writable {
  text = "";
  #read: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: ROOM_BYTES, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.#read = () => {
      this.text += chunk;
      done();
    };
  }

  async readAll(): Promise<void> {
    while (this.#read) {
      const read = this.#read;
      this.#read = undefined;
      read();
      await new Promise(setImmediate);
    }
  }
}

const omitted = (count: number) => `(${count} left out)\n`;

test("what does not fit is left out and counted, and memory stays bounded", async () => {
  const output = new Reader();
  const lines = new SpareLines(output, { omitted });
  for (let number = 1; number <= 1_000; number++) lines.tell(`line ${number}\n`);
  expect(output.writableLength).toBeLessThan(ROOM_BYTES + "line 2\n".length);
  await output.readAll();
  lines.tell("again\n");
  lines.tell("and again\n");
  await output.readAll();
  expect(output.text).toBe("line 1\nline 2\n(998 left out)\nagain\n");
});

test("a line that waits goes out when there is room", async () => {
  const output = new Reader();
  const lines = new SpareLines(output, { omitted });
  const told = Promise.all(
    ["one\n", "two and three\n", "four\n", "five\n"].map((line) => lines.tellPatiently(line)),
  );
  await output.readAll();
  await told;
  await output.readAll();
  expect(output.text).toBe("one\ntwo and three\nfour\nfive\n");
});

test("a reader who does not read is waited for once, until it reads again", async () => {
  const output = new Reader();
  const lines = new SpareLines(output, { omitted, patienceMs: 1 });
  for (let number = 1; number <= 1_000; number++) await lines.tellPatiently(`line ${number}\n`);
  await output.readAll();
  await lines.tellPatiently("again\n");
  await output.readAll();
  expect(output.text).toBe("line 1\nline 2\n(998 left out)\nagain\n");
});

test("nobody is waited for where the command is to end", async () => {
  const output = new Reader();
  const ending = new AbortController();
  const lines = new SpareLines(output, { omitted, signal: ending.signal });
  lines.tell("more than there is room for\n");
  const told = lines.tellPatiently("the last\n");
  ending.abort();
  await told;
  await lines.tellPatiently("after the last\n");
  await output.readAll();
  expect(output.text).toBe("more than there is room for\n");
});
