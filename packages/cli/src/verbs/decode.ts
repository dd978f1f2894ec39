import { type Command, Option } from "commander";
import { inputBytes } from "../decode/input-bytes.ts";
import { InputFault } from "../decode/input-fault.ts";
import type { PacketFault } from "../decode/packet-faults.ts";
import { packetJson } from "../decode/packet-json.ts";
import { type LocatedPacket, PacketReader } from "../decode/packet-reader.ts";
import { packetText } from "../decode/packet-text.ts";
import {
  type Direction,
  GUESS_BYTES,
  guessStreamKind,
  type Phase,
  type StreamKind,
} from "../decode/stream-kind.ts";
import { jsonLine } from "../json-line.ts";
import { BatchedOutput, colorsFor } from "../output.ts";

interface DecodeFlags {
  readonly direction?: Direction;
  readonly phase?: Phase;
  readonly raw?: true;
  readonly hex?: true;
  readonly json?: true;
  readonly showPrivate?: true;
}

const EXAMPLES = `
The input is one direction of a connection: raw bytes, or a hex dump (plain digits, xxd, hexdump -C;
what stands behind # is a comment).

Examples:
  lekt decode capture.bin
  xxd capture.bin | lekt decode -
  echo '4c454b54 48010000 00000001 00000001  # a plain client' | lekt decode -
  lekt decode --direction server --phase heartbeat replies.hex
  lekt decode --json capture.bin | jq 'select(.type == "client")'

Exit code: 0 all packets are well-formed; 1 something is not: stderr says what, and at which byte.`;

export function addDecode(program: Command): void {
  program
    .command("decode")
    .summary("a hex dump or raw stream into readable packets")
    .description("Shows the packets in a hex dump or a raw stream, with their offsets.")
    .argument("<file>", "file to read; - is stdin")
    .addOption(
      new Option("--direction <side>", "who sent it (default: guessed from the first packet)").choices([
        "client",
        "server",
      ]),
    )
    .addOption(
      new Option("--phase <phase>", "where in the conversation it begins (default: guessed)").choices([
        "handshake",
        "setup",
        "heartbeat",
      ]),
    )
    .addOption(new Option("--raw", "the input is raw bytes").conflicts("hex"))
    .option("--hex", "the input is a hex dump")
    .option("--json", "one JSON object a line")
    .option("--show-private", "show tokens, which are hidden otherwise")
    .addHelpText("after", EXAMPLES)
    .action(decode);
}

async function decode(path: string, flags: DecodeFlags): Promise<void> {
  const form = flags.raw ? "raw" : flags.hex ? "hex" : undefined;
  const colors = colorsFor(process.stdout, process.env);
  const showPrivate = flags.showPrivate === true;
  const show = (packet: LocatedPacket) =>
    flags.json ? jsonLine(packetJson(packet, showPrivate)) : packetText(packet, { colors, showPrivate });
  const output = new BatchedOutput();
  let firstFault: PacketFault | undefined;
  let faults = 0;
  try {
    for await (const packet of packets(inputBytes(path, form), flags)) {
      await output.add(show(packet));
      if (packet.fault) {
        firstFault ??= packet.fault;
        faults++;
      }
    }
  } finally {
    await output.flush();
  }
  if (!firstFault) return;
  const more = faults > 1 ? ` (and ${faults - 1} more)` : "";
  throw new InputFault(firstFault.offset, `${firstFault.why}${more}`, "malformed");
}

async function* packets(
  input: AsyncIterable<Uint8Array>,
  known: Partial<StreamKind>,
): AsyncGenerator<LocatedPacket> {
  let head: Uint8Array = new Uint8Array(0);
  let reader: PacketReader | undefined;
  for await (const bytes of input) {
    if (reader) {
      yield* reader.read(bytes);
      continue;
    }
    head = Buffer.concat([head, bytes]);
    if (head.length < GUESS_BYTES) continue;
    reader = new PacketReader(guessStreamKind(head, known));
    yield* reader.read(head);
  }
  if (!reader) {
    reader = new PacketReader(guessStreamKind(head, known));
    yield* reader.read(head);
  }
  reader.end();
}
