import { setTimeout as sleep } from "node:timers/promises";
import { encodeHandshake, encodeResponse } from "@lekt/protocol";
import { Failed } from "./check.ts";
import type { Line } from "./line.ts";
import { type Reply, RosterModel } from "./roster-model.ts";
import { packetWords } from "./server-packets.ts";

/** What a client sets, and what it answers when it is asked. */
export type Offers = ReadonlyMap<number, Uint8Array>;

/** A heartbeat in so many milliseconds at most (spec 5.14.2). */
const BEAT_SPACING_MS = 60;

/** A good client in one network, with the roster that it was told. */
export class Guest {
  readonly line: Line;
  readonly roster = new RosterModel();
  /** The methods that the server asked it for. */
  readonly asked: readonly number[];

  private constructor(line: Line, asked: readonly number[]) {
    this.line = line;
    this.asked = asked;
  }

  /** Handshake and setup, up to the zero request. @throws Failed where the server does otherwise. */
  static async introduce(line: Line, offers: Offers): Promise<Guest> {
    line.send(encodeHandshake(Math.max(0, ...offers.keys()), offers.keys()));
    await line.accept();
    return new Guest(line, await answerAll(line, offers));
  }

  /** A heartbeat and its reply. */
  async beat(expected?: string): Promise<Reply> {
    this.line.heartbeat();
    return await this.reply(expected);
  }

  /** The reply to a heartbeat that was sent. */
  async reply(expected?: string, waitMs?: number): Promise<Reply> {
    const reply = await this.line.reply(expected, waitMs);
    this.roster.apply(reply);
    return reply;
  }

  /** A Response that nobody asked for: it replaces a payload (spec 4.10). */
  answer(method: number, payload: Uint8Array): void {
    this.line.send(encodeResponse(method, payload));
  }

  /** Heartbeats until the roster has just these ports; leaves behind a shared address may come late (spec 5.8.4). */
  async until(ports: readonly number[], why: string): Promise<Reply[]> {
    const wanted = ports.map(String).sort().join(" ");
    const endMs = performance.now() + this.line.patienceMs + 1_000;
    const replies: Reply[] = [];
    for (;;) {
      const reply = await this.beat();
      if (reply.updates.length > 0) replies.push(reply);
      if (this.roster.ports === wanted) return replies;
      if (performance.now() > endMs) {
        throw new Failed(
          `a roster with the ports ${wanted || "of nobody"} (${why})`,
          this.roster.ports || "nobody",
        );
      }
      await sleep(BEAT_SPACING_MS);
    }
  }

  /** @throws Failed where the roster is not of just these ports. */
  mustSee(ports: readonly number[], why: string): void {
    const wanted = ports.map(String).sort().join(" ");
    if (this.roster.ports !== wanted) {
      throw new Failed(
        `a roster with the ports ${wanted || "of nobody"} (${why})`,
        this.roster.ports || "nobody",
      );
    }
  }
}

/** Answers each request with what is offered, until the zero request. @returns what was asked for. */
async function answerAll(line: Line, offers: Offers): Promise<number[]> {
  const asked: number[] = [];
  for (;;) {
    const packet = await line.next("a Request, or the zero request");
    if (packet.type !== "request") throw new Failed("a Request, or the zero request", packetWords(packet));
    if (packet.method === 0) return asked;
    const payload = offers.get(packet.method);
    if (!payload) throw new Failed("Requests for set methods alone", packetWords(packet));
    asked.push(packet.method);
    line.send(encodeResponse(packet.method, payload));
  }
}
