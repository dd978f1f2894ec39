import { expect, test } from "vitest";
import { AnswerTries, MAX_ANSWERS, MAX_ANSWERS_IN_ALL } from "../src/network/answer-tries.ts";

class Followed {
  readonly begun: string[] = [];
  readonly displaced: string[] = [];
  readonly tries = new AnswerTries();
  readonly #ends = new Map<string, (error?: Error) => void>();

  follow(answer: string): void {
    this.tries.follow(answer, (displaced) => {
      this.begun.push(answer);
      displaced.addEventListener("abort", () => this.displaced.push(answer));
      return new Promise((resolve, reject) => {
        this.#ends.set(answer, (error) => (error ? reject(error) : resolve()));
      });
    });
  }

  async end(answer: string, error?: Error): Promise<void> {
    this.#ends.get(answer)?.(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("so many are followed at once; one more takes the place of one of them, which may come again", () => {
  const followed = new Followed();
  for (let i = 0; i < MAX_ANSWERS; i++) followed.follow(`${i}`);
  expect(followed.displaced).toEqual([]);
  followed.follow("one more");
  expect(followed.displaced.length).toBe(1);
  const [displaced] = followed.displaced as [string];
  expect(followed.tries.isUnderWay(displaced)).toBe(false);
  followed.follow(displaced);
  expect(followed.tries.isUnderWay(displaced)).toBe(true);
  expect(followed.begun.length).toBe(MAX_ANSWERS + 2);
});

test("it is a random one: no order of answers keeps one out", () => {
  const displaced = new Set<string>();
  while (displaced.size < MAX_ANSWERS) {
    const followed = new Followed();
    for (let i = 0; i <= MAX_ANSWERS; i++) followed.follow(`${i}`);
    displaced.add(followed.displaced[0] as string);
  }
});

test("an answer is followed once at a time, not again after success, and again after failure", async () => {
  const followed = new Followed();
  for (let i = 0; i < 2; i++) for (const answer of ["good", "bad"]) followed.follow(answer);
  expect(followed.begun).toEqual(["good", "bad"]);
  await followed.end("good");
  await followed.end("bad", new Error("nobody there"));
  for (const answer of ["good", "bad"]) followed.follow(answer);
  expect(followed.begun).toEqual(["good", "bad", "bad"]);
  expect(followed.displaced).toEqual([]);
});

test("what failed gives its place back", async () => {
  const followed = new Followed();
  for (let i = 0; i < 3 * MAX_ANSWERS; i++) {
    followed.follow(`${i}`);
    await followed.end(`${i}`, new Error("nobody there"));
  }
  expect(followed.displaced).toEqual([]);
});

test("so many all in all, and no more", () => {
  const followed = new Followed();
  for (let i = 0; i <= MAX_ANSWERS_IN_ALL; i++) followed.follow(`${i}`);
  expect(followed.begun.length).toBe(MAX_ANSWERS_IN_ALL);
  expect(followed.tries.all.length).toBe(MAX_ANSWERS_IN_ALL);
});
