import { LektError } from "@lekt/protocol";

/** One address that was tried in vain. */
export interface FailedAddress {
  readonly address: string;
  readonly error: Error;
}

interface Reason {
  readonly why: string;
  readonly advice: string;
}

const CHECK_NETWORK = "Check this machine's connection to the network";

/** By the system's error code. */
const REASONS: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: {
    why: "connection refused",
    advice: "Start a server there (lekt serve), or check host and port",
  },
  ECONNRESET: { why: "connection reset", advice: "Check host and port" },
  ENOTFOUND: { why: "unknown host", advice: "Check the spelling of the host's name" },
  EAI_AGAIN: { why: "the name could not be looked up", advice: CHECK_NETWORK },
  EHOSTUNREACH: { why: "host unreachable", advice: CHECK_NETWORK },
  ENETUNREACH: { why: "network unreachable", advice: CHECK_NETWORK },
  EADDRNOTAVAIL: { why: "address not available", advice: CHECK_NETWORK },
  ETIMEDOUT: {
    why: "timed out",
    advice: "Check host and port, and whether a firewall is in between",
  },
};

/** What an attempt fails with that got no answer within its time. */
export class TimedOut extends Error {
  readonly code = "ETIMEDOUT";

  constructor(timeoutMs: number) {
    super(`timed out after ${Math.round(timeoutMs / 100) / 10} s`);
  }
}

/** The name could not be looked up. */
export function lookupError(host: string, port: number, error: Error): LektError {
  const { why, advice } = reasonOf(error);
  return new LektError("LEKT_CONNECT", `Could not connect to ${hostPort(host, port)}: ${why}. ${advice}.`, {
    cause: error,
  });
}

/** None of the addresses could be reached. */
export function connectError(host: string, port: number, failed: readonly FailedAddress[]): LektError {
  const single = failed.length === 1 ? failed[0] : undefined;
  const why = single
    ? `${single.address === host ? "" : `${single.address}: `}${reasonOf(single.error).why}`
    : failed.map(({ address, error }) => `${address} (${reasonOf(error).why})`).join(", ");
  const refused = failed.find(({ error }) => codeOf(error) === "ECONNREFUSED") ?? failed.at(-1);
  const advice = refused ? reasonOf(refused.error).advice : CHECK_NETWORK;
  const cause = single ? single.error : new AggregateError(failed.map(({ error }) => error));
  return new LektError("LEKT_CONNECT", `Could not connect to ${hostPort(host, port)}: ${why}. ${advice}.`, {
    cause,
  });
}

/** "host:port", with the brackets that an IPv6 address needs. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function reasonOf(error: Error): Reason {
  const reason = REASONS[codeOf(error) ?? ""];
  if (error instanceof TimedOut) return { why: error.message, advice: reason?.advice ?? CHECK_NETWORK };
  return reason ?? { why: error.message, advice: CHECK_NETWORK };
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
