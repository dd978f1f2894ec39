import { decodeUtf8, encodeUtf8 } from "../utf8.ts";

/** What a server tells one client of itself and of that client: method 23, a JSON object (spec 5.13). */
export interface ServerInfo {
  /** The client as the server sees it. */
  readonly you: {
    readonly address: string;
    readonly port: number;
    /** 16 hex digits; only for a client that set `session`. */
    readonly session?: string;
  };
  readonly heartbeatSeconds: number;
  /** host:port of its relay. */
  readonly relay: string | null;
  /** host:port of its STUN responders. */
  readonly stun: readonly string[];
}

export function encodeServerInfo(info: ServerInfo): Uint8Array {
  return encodeUtf8(JSON.stringify(info));
}

/** Unknown keys are ignored; a key of the wrong shape counts as missing. @returns undefined where it is no JSON object. */
export function decodeServerInfo(payload: Uint8Array): Partial<ServerInfo> | undefined {
  const value = parseObject(decodeUtf8(payload));
  if (!value) return undefined;
  const info: { -readonly [K in keyof ServerInfo]?: ServerInfo[K] } = {};
  const you = asObject(value["you"]);
  const address = you?.["address"];
  const port = you?.["port"];
  const session = you?.["session"];
  if (typeof address === "string" && isPort(port)) {
    info.you = typeof session === "string" ? { address, port, session } : { address, port };
  }
  const heartbeatSeconds = value["heartbeatSeconds"];
  if (typeof heartbeatSeconds === "number" && heartbeatSeconds >= 0.1 && heartbeatSeconds <= 86_400) {
    info.heartbeatSeconds = heartbeatSeconds;
  }
  const relay = value["relay"];
  if (typeof relay === "string" || relay === null) info.relay = relay;
  const stun = value["stun"];
  if (Array.isArray(stun)) info.stun = stun.filter((item) => typeof item === "string");
  return info;
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}

function parseObject(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
