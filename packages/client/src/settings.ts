import { type LektUrl, MAX_HOLD_MS, safeText } from "@lekt/protocol";
import type { Dial } from "./byte-stream.ts";
import type { JoinOptions } from "./join-options.ts";
import { badOption, type Offers, offersOf } from "./offers.ts";
import { type PeerSettings, peerSettingsOf } from "./peers/peer-settings.ts";
import { tcpDial } from "./tcp-stream.ts";
import { usableUrl } from "./usable-url.ts";

/** What `join` was asked for, checked and complete. */
export interface Settings {
  readonly home: LektUrl;
  readonly offers: Offers;
  /** undefined: this client connects to no peers. */
  readonly peers: PeerSettings | undefined;
  readonly allowInsecureToken: boolean;
  readonly waitForServer: boolean;
  readonly heartbeatIntervalMs: number;
  readonly setupTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxPeers: number;
  readonly staleGraceMs: number;
  readonly maxQueuedEvents: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  readonly dial: Dial;
}

/** Defaults; `spec/limits.md` has the reasons. */
const DEFAULTS = {
  holdMs: MAX_HOLD_MS,
  heartbeatIntervalMs: 10_000,
  setupTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  maxPeers: 100_000,
  staleGraceMs: 30_000,
  maxQueuedEvents: 10_000,
  backoffBaseMs: 250,
  backoffCapMs: 30_000,
} as const;

/** What a timer can wait for at most. */
const MAX_NUMBER = 2 ** 31 - 1;

/** @throws LektError `LEKT_URL`, `LEKT_OPTION` */
export function settingsOf(url: string, options: JoinOptions): Settings {
  const number = (name: keyof typeof DEFAULTS, min: number) => numberOption(options, name, min);
  const holdMs = Math.min(number("holdMs", 0), MAX_HOLD_MS);
  const home = usableUrl(String(url));
  return {
    home,
    peers: peerSettingsOf(options, home),
    offers: offersOf(options, holdMs),
    allowInsecureToken: options.allowInsecureToken ?? false,
    waitForServer: options.waitForServer ?? false,
    heartbeatIntervalMs: number("heartbeatIntervalMs", 1),
    setupTimeoutMs: number("setupTimeoutMs", 1),
    connectTimeoutMs: number("connectTimeoutMs", 1),
    maxPeers: number("maxPeers", 1),
    staleGraceMs: number("staleGraceMs", 0),
    maxQueuedEvents: number("maxQueuedEvents", 1),
    backoffBaseMs: number("backoffBaseMs", 0),
    backoffCapMs: number("backoffCapMs", 0),
    // Methods may dial peers from the port of the connection to the server (spec 9.6).
    dial: options.dial ?? tcpDial({ sharedPort: (options.methods ?? []).length > 0 }),
  };
}

function numberOption(options: JoinOptions, name: keyof typeof DEFAULTS, min: number): number {
  const value = options[name] ?? DEFAULTS[name];
  if (Number.isInteger(value) && value >= min && value <= MAX_NUMBER) return value;
  throw badOption(name, safeText(String(value)), `it is a whole number from ${min} to ${MAX_NUMBER}`);
}
