import {
  circuitExpiry,
  describeMethod,
  equalBytes,
  formatIpv4,
  formatVersion,
  METHOD,
  type MethodInfo,
  SERVER_IDENTITY,
  safeText,
  toHex,
} from "@lekt/protocol";
import type { Colors } from "../output.ts";
import { bytesText, describePayload, type PayloadPlace } from "../payload-text.ts";
import type { LocatedPacket } from "./packet-reader.ts";

export interface PacketTextOptions {
  readonly colors: Colors;
  /** Whether tokens are shown. */
  readonly showPrivate: boolean;
}

const LABEL_WIDTH = 11;
const OFFSET_DIGITS = 8;

/** One packet, or piece of an update, as lines for people. Offsets are hex, as in a hex dump. */
export function packetText(located: LocatedPacket, options: PacketTextOptions): string {
  const [label, ...details] = lines(located, options);
  const offset = options.colors.dim(located.offset.toString(16).padStart(OFFSET_DIGITS, "0"));
  const indent = " ".repeat(OFFSET_DIGITS + 2);
  return `${offset}  ${label}\n${details.map((line) => `${indent}${" ".repeat(LABEL_WIDTH)}${line}\n`).join("")}`;
}

function lines({ packet, direction }: LocatedPacket, options: PacketTextOptions): string[] {
  const { colors } = options;
  const line = (label: string, text: string) => `${colors.bold(label.padEnd(LABEL_WIDTH))}${text}`;
  switch (packet.type) {
    case "handshake": {
      const known = packet.known === 0 ? "knows no methods" : `knows methods 1 to ${packet.known}`;
      const set = packet.methods.map((index) => describeMethod(index).slice("method ".length));
      const sets = set.length === 0 ? "sets none" : `sets ${set.join(", ")}`;
      return [line("handshake", `LEKT ${formatVersion(packet.version)}, ${known}, ${sets}`)];
    }
    case "response": {
      if (packet.method === 0) return [line("response", "method 0: ignored")];
      const info = { index: packet.method, payload: packet.payload };
      return [line("response", methodText(info, "response", options))];
    }
    case "heartbeat":
      return [line("heartbeat", timeText(packet.timestamp))];
    case "circuit":
      return [line("circuit", circuitText(packet.token, options))];
    case "accept":
      return [line("accept", `LEKT ${formatVersion(packet.version)}`)];
    case "reject":
      return [line("reject", colors.red(safeText(packet.message)))];
    case "request":
      return packet.method === 0
        ? [line("request", "method 0: setup is over")]
        : [line("request", describeMethod(packet.method))];
    case "added":
      return packet.count === 0
        ? [line("end", `of a reply, ${timeText(packet.timestamp)}`)]
        : [line("added", `${count(packet.count, "client")}, ${timeText(packet.timestamp)}`)];
    case "removed":
      return [
        line("removed", `${count(packet.count, "address", "addresses")}, ${timeText(packet.timestamp)}`),
      ];
    case "client": {
      const { ip, methods } = packet.object;
      const place = ip === 0 ? "word" : "object";
      const who = place === "word" ? line("  word", "from the server") : line("  client", formatIpv4(ip));
      return [who, ...methods.map((method) => methodText(method, place, options))];
    }
    case "signal": {
      const isServer = equalBytes(packet.identity, SERVER_IDENTITY);
      const other = isServer ? "the server" : toHex(packet.identity);
      if (packet.payload.length === 0) return [line("signal", `came back: not delivered to ${other}`)];
      return [
        line("signal", `${direction === "client" ? "to" : "from"} ${other}`),
        bytesText(packet.payload),
      ];
    }
    case "address":
      return [line("  gone", formatIpv4(packet.ip))];
  }
}

function methodText({ index, payload }: MethodInfo, place: PayloadPlace, options: PacketTextOptions): string {
  if (index === METHOD.token && !options.showPrivate) {
    return `${describeMethod(index)}: ${payload.length} bytes, hidden (--show-private shows them)`;
  }
  const { text, fault } = describePayload(index, payload, place);
  return `${describeMethod(index)}: ${fault === undefined ? text : options.colors.red(text)}`;
}

/** Who has the token gets into the circuit (spec 8.2). */
function circuitText(token: Uint8Array, { showPrivate }: PacketTextOptions): string {
  const expiry = BigInt(circuitExpiry(token));
  const shown = showPrivate
    ? toHex(token)
    : `token of ${token.length} bytes, hidden (--show-private shows it)`;
  return `${shown}, until ${isoTime(expiry)}; what follows are the peers' own bytes`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** "1774483200 (2026-03-26T00:00:00Z)"; the time alone where no calendar reaches. */
function timeText(seconds: bigint): string {
  const time = isoTime(seconds);
  return time === undefined ? `time ${seconds}` : `time ${seconds} (${time})`;
}

export function isoTime(seconds: bigint): string | undefined {
  const date = new Date(Number(seconds) * 1_000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace(".000Z", "Z");
}
