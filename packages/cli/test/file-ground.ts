import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Duplex, duplexPair } from "node:stream";
import { beforeEach, expect, onTestFinished } from "vitest";
import { Delivery } from "../src/files/delivery.ts";
import { DropFolder } from "../src/files/drop-folder.ts";
import { FileChannel, type Received } from "../src/files/file-channel.ts";
import type { FileMessage } from "../src/files/file-messages.ts";
import { RECEIVE_LIMITS, type ReceiveLimits, receiveFiles } from "../src/files/file-receiver.ts";
import { sendFiles } from "../src/files/file-sender.ts";
import { type OutgoingFile, outgoingFiles } from "../src/files/outgoing-files.ts";
import type { Tell, TransferEvent, TransferResult } from "../src/files/transfer-event.ts";

export const FINE = { done: 1, failed: 0, firstFailure: undefined };

export let ground: string;
export let source: string;
export let inbox: string;

beforeEach(() => {
  ground = realpathSync(mkdtempSync(join(tmpdir(), "lekt-files-")));
  source = join(ground, "source");
  inbox = join(ground, "inbox");
  for (const folder of [source, inbox]) mkdirSync(folder);
  onTestFinished(() => rmSync(ground, { recursive: true, force: true }));
});

/** A file to be sent. */
export function make(name: string, bytes: string | Buffer, mode = 0o644): string {
  const path = join(source, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  return path;
}

export function sha256(bytes: string | Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export const silent: Tell = async () => {};

export interface Ends {
  readonly sent: Promise<TransferResult>;
  readonly received: Promise<TransferResult>;
  readonly sending: Duplex;
}

/** An identity. */
export const ADA = "a".repeat(64);

export interface Tellers {
  readonly from?: string;
  readonly sender?: Tell;
  readonly receiver?: Tell;
  readonly limits?: Partial<ReceiveLimits>;
}

export async function transfer(files: readonly OutgoingFile[], tellers: Tellers = {}): Promise<Ends> {
  const { sending, received } = await receiver(tellers);
  const sent = sendFiles(sending, files, tellers.sender ?? silent);
  sent.catch(() => {});
  return { sent, received, sending };
}

/** One that waits for a sender. */
export async function receiver({
  receiver: tell = silent,
  limits,
  from = ADA,
}: Tellers = {}): Promise<Omit<Ends, "sent">> {
  const [sending, receiving] = duplexPair();
  for (const stream of [sending, receiving]) stream.on("error", () => {});
  // As a path does: whoever breaks it breaks it for both.
  sending.once("close", () => receiving.destroy());
  receiving.once("close", () => sending.destroy());
  const delivery = new Delivery(await DropFolder.open(inbox), from);
  const received = receiveFiles(receiving, delivery, { ...RECEIVE_LIMITS, ...limits }, tell);
  received.catch(() => {});
  onTestFinished(async () => {
    sending.destroy();
    await received.catch(() => {});
  });
  return { sending, received };
}

export async function send(paths: readonly string[], tellers: Tellers = {}): Promise<TransferResult> {
  const { files } = await outgoingFiles(paths);
  const { sent, received } = await transfer(files, tellers);
  const [ours, theirs] = await Promise.all([sent, received]);
  expect({ ...theirs, firstFailure: undefined }).toEqual({ ...ours, firstFailure: undefined });
  return ours;
}

export function recorder(): { readonly tell: Tell; readonly events: TransferEvent[] } {
  const events: TransferEvent[] = [];
  return {
    events,
    tell: async (event) => {
      events.push(event);
    },
  };
}

/** A sender that says whatever it wants. */
export class ScriptedSender {
  readonly channel: FileChannel;
  readonly received: Promise<TransferResult>;
  /** To the transfer. */
  readonly answer: Received;

  readonly #sending: Duplex;

  private constructor(
    sending: Duplex,
    channel: FileChannel,
    received: Promise<TransferResult>,
    answer: Received,
  ) {
    this.#sending = sending;
    this.channel = channel;
    this.received = received;
    this.answer = answer;
  }

  static async begin(files: number, bytes: number, tellers: Tellers = {}): Promise<ScriptedSender> {
    const { sending, received } = await receiver(tellers);
    const channel = new FileChannel(sending);
    await channel.send({ type: "transfer", version: 1, files, bytes });
    return new ScriptedSender(sending, channel, received, await channel.next());
  }

  break(): void {
    this.#sending.destroy();
  }

  async offer(offer: Partial<FileMessage>): Promise<Received> {
    const plain = { type: "file", path: ["a"], size: 3, sha256: sha256("abc") } as const;
    await this.channel.send({ ...plain, ...offer });
    return this.channel.next();
  }

  async finish(bytes: string): Promise<Received> {
    await this.channel.sendData(Buffer.from(bytes));
    await this.channel.send({ type: "end" });
    return this.channel.next();
  }
}
