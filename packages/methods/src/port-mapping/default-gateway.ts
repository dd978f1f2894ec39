import { readFile } from "node:fs/promises";

/** IPv4 address of the router that packets to the world go through. Only Linux says it without a command. */
export async function defaultGateway(): Promise<string | undefined> {
  return gatewayIn(await readFile("/proc/net/route", "utf8").catch(() => ""));
}

/** @param routes the text of Linux' /proc/net/route: addresses in hex, the last byte first, as on most machines. */
export function gatewayIn(routes: string): string | undefined {
  for (const line of routes.split("\n")) {
    const [, destination, gateway, flags] = line.trim().split(/\s+/);
    const isUpThroughGateway = (Number.parseInt(flags ?? "", 16) & 3) === 3;
    if (destination !== "00000000" || !isUpThroughGateway || !/^[0-9A-F]{8}$/i.test(gateway ?? "")) continue;
    const bytes = Buffer.from(gateway as string, "hex");
    return [...(endianIsLittle() ? bytes.reverse() : bytes)].join(".");
  }
  return undefined;
}

function endianIsLittle(): boolean {
  return new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
}
