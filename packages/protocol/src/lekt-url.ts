import { LektError } from "./errors.ts";
import { parseIpv4, parseIpv6 } from "./ip.ts";
import { MAX_URL_LENGTH } from "./limits.ts";
import { MAX_NETWORK_NAME_BYTES } from "./payloads/text.ts";
import { parseNetworkKey } from "./peers/network-key.ts";
import { safeText } from "./safe-text.ts";
import { encodeUtf8, hasControlCharacter } from "./utf8.ts";

/** Default port of every scheme (spec 2.1). */
export const DEFAULT_PORT = 15_358;

const SCHEMES = ["lekt", "lekts", "ws", "wss"] as const;
export type LektScheme = (typeof SCHEMES)[number];

const NETWORK_KEY_PREFIX = "key=";

/** `scheme://host[:port][/network][#fragment]` (spec 2.2). */
export interface LektUrl {
  readonly scheme: LektScheme;
  /** Whether the connection is protected by TLS. */
  readonly secure: boolean;
  /** Name, IPv4 address, or IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** Percent-decoded; undefined is the default network. */
  readonly network: string | undefined;
  /** Without `#`; undefined where there is none. It may hold secrets. */
  readonly fragment: string | undefined;
  /** What `key=` in the fragment holds (spec 2.2.7). A secret; undefined where there is none. */
  readonly networkKey: Uint8Array | undefined;
}

/** @throws LektError `LEKT_URL` that says what is wrong and what is right. */
export function parseLektUrl(text: string): LektUrl {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof UrlFault)) throw error;
    throw new LektError("LEKT_URL", `${quote(text)} is no LEKT URL: ${error.message}.`);
  }
}

function parse(text: string): LektUrl {
  if (text.length > MAX_URL_LENGTH) throw new UrlFault(`it is longer than ${MAX_URL_LENGTH} characters`);
  if (/[\s\p{Cc}\p{Cs}]/u.test(text)) throw new UrlFault("it contains spaces or control characters");
  const separator = text.indexOf("://");
  if (separator < 0) throw new UrlFault("it has no scheme; write lekt://host[:port][/network]");
  const scheme = SCHEMES.find((known) => known === text.slice(0, separator).toLowerCase());
  if (!scheme) throw new UrlFault("its scheme is none of lekt, lekts, ws and wss");
  const hash = text.indexOf("#");
  const fragment = hash < 0 ? undefined : text.slice(hash + 1);
  const rest = text.slice(separator + 3, hash < 0 ? undefined : hash);
  const slash = rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "" : rest.slice(slash + 1);
  if (rest.includes("\\")) throw new UrlFault("it contains a backslash; write / before the network's name");
  if (rest.includes("?"))
    throw new UrlFault("it has a query (?), and LEKT URLs have none; write ? as %3F in a network's name");
  if (authority.includes("@"))
    throw new UrlFault("it has a user before @; credentials are given apart from the URL");
  const { host, port } = parseAuthority(authority);
  return {
    scheme,
    secure: scheme === "lekts" || scheme === "wss",
    host,
    port,
    network: parseNetwork(path),
    fragment,
    networkKey: networkKeyIn(fragment ?? ""),
  };
}

/**
 * The URL in its shortest form, with the secrets that its fragment may hold: what is shown or logged has
 * none (`withoutFragment`).
 */
export function formatLektUrl(url: Omit<LektUrl, "secure" | "networkKey">): string {
  const host = url.host.includes(":") ? `[${url.host}]` : url.host;
  const port = url.port === DEFAULT_PORT ? "" : `:${url.port}`;
  const path = url.network === undefined ? "" : `/${encodeURIComponent(url.network)}`;
  const fragment = url.fragment === undefined ? "" : `#${url.fragment}`;
  return `${url.scheme}://${host}${port}${path}${fragment}`;
}

/** Of the text of a URL, right or wrong, what may be shown and logged. */
export function withoutFragment(text: string): string {
  return text.replace(/#.*$/s, "");
}

/** The names of all keys in a fragment, known or not (spec 2.2.6). */
export function fragmentKeys(fragment: string): string[] {
  return fragment === "" ? [] : fragment.split("&").map((pair) => pair.replace(/=.*$/s, ""));
}

function networkKeyIn(fragment: string): Uint8Array | undefined {
  const values = fragment.split("&").filter((pair) => pair.startsWith(NETWORK_KEY_PREFIX));
  if (values.length > 1) throw new UrlFault("its fragment has two network keys");
  if (values[0] === undefined) return undefined;
  const networkKey = parseNetworkKey(values[0].slice(NETWORK_KEY_PREFIX.length));
  if (!networkKey) {
    throw new UrlFault("the network key behind its # is damaged or cut off; ask for the URL again");
  }
  return networkKey;
}

function parseAuthority(authority: string): { host: string; port: number } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(authority);
  if (!match || parseIpv6(authority)) {
    throw new UrlFault("an IPv6 address stands in brackets: lekt://[2001:db8::1]:15358");
  }
  const name = match[1] as string;
  const host = name.startsWith("[") ? name.slice(1, -1) : name;
  if (host === "") throw new UrlFault("it names no host");
  if (name.startsWith("[")) {
    if (!parseIpv6(host)) throw new UrlFault("what stands in brackets is no IPv6 address");
  } else if (/^[0-9.]+$/.test(host)) {
    if (parseIpv4(host) === undefined) throw new UrlFault("its host looks like an IPv4 address, but is none");
  } else if (!/^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$/.test(host) || host.length > 253) {
    throw new UrlFault("its host is no name that DNS could know (international names are written as xn--…)");
  }
  return { host: host.toLowerCase(), port: parsePort(match[2]) };
}

function parsePort(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new UrlFault("its port is not a number from 1 to 65535");
  return port;
}

function parseNetwork(path: string): string | undefined {
  if (path === "") return undefined;
  if (path.includes("/")) throw new UrlFault("a network's name is one segment of the path; write / as %2F");
  const network = percentDecode(path);
  if (network === undefined) throw new UrlFault("the network's name is not percent-encoded UTF-8");
  // URL libraries drop these two from a path, and whoever uses one would end up in the default network.
  if (network === "." || network === "..") throw new UrlFault("no network can be named . or ..");
  if (hasControlCharacter(network)) throw new UrlFault("the network's name contains control characters");
  if (encodeUtf8(network).length > MAX_NETWORK_NAME_BYTES) {
    throw new UrlFault(`the network's name is longer than ${MAX_NETWORK_NAME_BYTES} bytes`);
  }
  return network;
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** What is wrong with a URL, as the end of a sentence. */
class UrlFault extends Error {}

/** Without fragment and user, which may hold secrets, and not too long. */
function quote(text: string): string {
  const shown = safeText(withoutFragment(text).replace(/\/\/[^/]*@/, "//…@"));
  const characters = [...shown];
  return `"${characters.length > 100 ? `${characters.slice(0, 100).join("")}…` : shown}"`;
}
