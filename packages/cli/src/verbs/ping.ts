import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { PeerStream } from "@lekt/client";
import { LektError } from "@lekt/protocol";
import { type Command, Option } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { wholeNumber } from "../flag-values.ts";
import { jsonLine } from "../json-line.ts";
import { write } from "../output.ts";
import { addPeerFlags, type PeerFlags, WHO_IS_CONNECTED } from "../peers/peer-flags.ts";
import { PeerRoom, pathText } from "../peers/peer-room.ts";
import { PING_BYTES, PING_LABEL } from "../peers/ping-label.ts";
import { attemptJson } from "../peers/trace-text.ts";

type PingFlags = PeerFlags & { readonly count?: number };

const EXAMPLES = `
The peer answers while it runs any of lekt receive, pipe, expose, forward or ping. Without a PEER, this one just answers.
${WHO_IS_CONNECTED}

Examples:
  lekt ping "$URL" ada                                                  $URL: what lekt key printed
  lekt ping lekt://example.org/lan 4k7q-0x2m-9h3c-t8vb-e5wz --methods relay --count 10
  lekt ping lekt://example.org/friends --name ada --allow anyone        be there and answer

Exit codes: 0 fine; 1 no path to the peer, or stopped before an answer; 2 wrong usage; 3 the peer did not come; 4 no server; 5 refused.`;

const COUNT = 4;
const INTERVAL_MS = 1_000;
const ANSWER_TIMEOUT_MS = 10_000;

export function addPing(program: Command): void {
  const command = program
    .command("ping")
    .summary("the path to a peer, and its round trips")
    .description("Connects to a peer, says by which path, and measures round trips.")
    .argument("<url>", URL_HELP)
    .argument("[peer]", "name or identity of the peer")
    .addOption(
      new Option("--count <number>", `round trips (default: ${COUNT})`).argParser(wholeNumber(1, 1_000_000)),
    );
  addPeerFlags(command);
  command.addHelpText("after", EXAMPLES).action(ping);
}

async function ping(url: string, wanted: string | undefined, flags: PingFlags): Promise<void> {
  if (wanted === undefined) return answer(url, flags);
  await using joined = await PeerRoom.join(url, flags, process.env);
  const stream = await joined.connect(wanted, { label: PING_LABEL });
  joined.stopped.addEventListener("abort", () => stream.destroy(), { once: true });
  const { method, local, remote, relayed } = stream.path;
  await write(
    flags.json
      ? jsonLine({
          event: "path",
          method,
          local,
          remote,
          relayed,
          attempts: stream.trace.attempts.map(attemptJson),
        })
      : `${wanted}: ${pathText(stream)}\n`,
    joined.stopped,
  );
  try {
    const times = await roundTrips(
      stream,
      flags.count ?? COUNT,
      async (number, ms) => {
        const roundTripMs = Math.round(ms * 100) / 100;
        await write(
          flags.json ? jsonLine({ event: "pong", number, roundTripMs }) : `${number}: ${roundTripMs} ms\n`,
          joined.stopped,
        );
      },
      joined.stopped,
    );
    if (times.length === 0) throw new LektError("LEKT_ABORTED", "Stopped before an answer came.");
    const middle = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] as number;
    if (!flags.json)
      await write(`middle of ${times.length}: ${Math.round(middle * 100) / 100} ms\n`, joined.stopped);
  } finally {
    stream.destroy();
  }
}

async function answer(url: string, flags: PeerFlags): Promise<void> {
  await using joined = await PeerRoom.joinUnlessStopped(url, flags, process.env);
  joined?.gate.throwIfShut();
  await joined?.untilStopped();
}

async function roundTrips(
  stream: PeerStream,
  count: number,
  tell: (number: number, ms: number) => Promise<void>,
  stopped: AbortSignal,
): Promise<number[]> {
  const times: number[] = [];
  for (let number = 1; number <= count && !stopped.aborted; number++) {
    const startMs = performance.now();
    const bytes = Buffer.alloc(PING_BYTES);
    bytes.writeUInt32BE(number, 4);
    stream.write(bytes);
    try {
      await answerTo(stream, bytes);
    } catch (error) {
      if (!stopped.aborted) throw error;
      break;
    }
    const ms = performance.now() - startMs;
    times.push(ms);
    await tell(number, ms);
    if (number < count) await pause(INTERVAL_MS, undefined, { signal: stopped }).catch(() => {});
  }
  return times;
}

async function answerTo(stream: PeerStream, sent: Buffer): Promise<void> {
  let left: Buffer = sent;
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  while (left.length > 0) {
    const chunk = stream.read() as Buffer | null;
    if (chunk) {
      if (!left.subarray(0, chunk.length).equals(chunk))
        throw new LektError("LEKT_PATH", "The peer sent something else back.");
      left = left.subarray(chunk.length);
    } else if (stream.readableEnded || stream.destroyed) {
      throw new LektError("LEKT_PATH", "The peer ended the connection.", { cause: stream.errored });
    } else {
      await readable(stream, timeout);
    }
  }
}

async function readable(stream: PeerStream, timeout: AbortSignal): Promise<void> {
  const found = Promise.race([once(stream, "readable"), once(stream, "close")]);
  const late = new Promise<never>((_, reject) => {
    timeout.addEventListener(
      "abort",
      () => reject(new LektError("LEKT_PATH", "The peer does not answer any more.")),
      { once: true },
    );
  });
  await Promise.race([found, late]);
}
