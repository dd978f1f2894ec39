import { SocketAddress } from "node:net";
import type { Endpoint } from "@lekt/protocol";

/* STUN by RFC 8489 and spec 8.3, with hex and large numbers in place of bytes. */

interface NaiveStun {
  readonly type: number;
  readonly id: string;
  readonly attributes: readonly { type: number; value: string }[];
}

const COOKIE = "2112a442";
/** RFC 8489, 18.3: those that have to be understood and are named there. */
const KNOWN = /^(0001|0006|0008|0009|000a|0014|0015|001c|001d|001e|0020)$/;

export function naiveStun(bytes: Uint8Array): NaiveStun | undefined {
  const hex = Buffer.from(bytes).toString("hex");
  const parts = /^([0-3]...)(....)2112a442(.{24})(.*)$/.exec(hex);
  if (!parts) return undefined;
  const [, type = "", length = "", id = "", body = ""] = parts;
  if (body.length !== 2 * Number.parseInt(length, 16) || body.length % 8 !== 0) return undefined;
  const attributes: { type: number; value: string }[] = [];
  for (let rest = body; rest !== ""; ) {
    const digits = 2 * Number.parseInt(rest.slice(4, 8), 16);
    const value = rest.slice(8, 8 + digits);
    if (value.length < digits) return undefined;
    attributes.push({ type: Number.parseInt(rest.slice(0, 4), 16), value });
    rest = rest.slice(8 + digits);
    while (rest.length % 8 !== 0) rest = rest.slice(1);
  }
  return { type: Number.parseInt(type, 16), id, attributes };
}

/** @param address of the sender, in hex. */
export function naiveAnswer(
  message: NaiveStun | undefined,
  address: string,
  port: number,
): Uint8Array | undefined {
  if (message?.type !== 1) return undefined;
  const types = message.attributes.map(({ type }) => hexOf(BigInt(type), 4));
  const unknown = types.filter((type) => type < "8000" && !KNOWN.test(type));
  const body =
    unknown.length > 0
      ? attribute("0009", "00000414") + attribute("000a", unknown.join(""))
      : attribute(
          "0020",
          `00${address.length === 8 ? "01" : "02"}${xorPort(port)}${xor(address, message.id)}`,
        );
  const type = unknown.length > 0 ? "0111" : "0101";
  return Uint8Array.from(
    Buffer.from(type + hexOf(BigInt(body.length / 2), 4) + COOKIE + message.id + body, "hex"),
  );
}

export function naiveMapped({ attributes, id }: NaiveStun): Endpoint | undefined {
  const value = attributes.find(({ type }) => type === 0x20)?.value ?? "";
  const [, family, portHex = "", hex = ""] = /^..(01|02)(.{4})(.{8}|.{32})$/.exec(value) ?? [];
  if (hex.length !== (family === "01" ? 8 : family === "02" ? 32 : 0) || hex === "") return undefined;
  const port = Number.parseInt(xorPort(Number.parseInt(portHex, 16)), 16);
  const plain = xor(hex, id);
  if (family === "01") return { address: [...Buffer.from(plain, "hex")].join("."), port };
  const groups = plain.match(/.{4}/g) ?? [];
  return { address: new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address, port };
}

function xorPort(port: number): string {
  return hexOf(BigInt(port) ^ 0x2112n, 4);
}

function xor(hex: string, id: string): string {
  const mask = (COOKIE + id).slice(0, hex.length);
  return hexOf(BigInt(`0x${hex}`) ^ BigInt(`0x${mask}`), hex.length);
}

function attribute(type: string, value: string): string {
  const padding = "0".repeat((8 - (value.length % 8)) % 8);
  return type + hexOf(BigInt(value.length / 2), 4) + value + padding;
}

function hexOf(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
