import { readdirSync, readFileSync } from "node:fs";
import type { PeerRole } from "../src/peers/preamble.ts";
import type { ServerPhase } from "../src/server-packet-decoder.ts";

const FOLDER = new URL("../../../spec/vectors/", import.meta.url);

/** Which file holds what; `vectors-coverage.test.ts` sees to it that none is left out. */
export const GOOD_FILES = [
  "handshake.json",
  "setup.json",
  "updates.json",
  "reject.json",
  "signals.json",
  "circuits.json",
] as const;
export const MALFORMED_FILES = [
  "malformed-client.json",
  "malformed-server.json",
  "malformed-signals.json",
  "malformed-circuits.json",
] as const;
export const PAYLOADS_FILE = "payloads.json";
export const ROSTERS_FILE = "rosters.json";
/** Read by packages/server/test/relay: it has the HMAC. */
export const CIRCUIT_TOKENS_FILE = "circuit-tokens.json";
export const STUN_FILE = "stun.json";
/** Read by the tests of the method `udp`. */
export const PROBES_FILE = "probes.json";
export const URLS_FILE = "urls.json";
export const PEERS_FILE = "peers.json";

export function vectorFileNames(): string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
}

type VersionField = readonly [number, number, number];
export type ClientField = { readonly ip: string; readonly methods: readonly (readonly [number, string])[] };

export interface PortsField {
  readonly version?: number;
  readonly port: number;
  readonly endpoints: readonly (readonly [string, number])[];
}

/** One packet, as `spec/vectors/README.md` writes it. */
export type PacketFields =
  | {
      readonly type: "handshake";
      readonly version: VersionField;
      readonly known: number;
      readonly methods: readonly number[];
    }
  | { readonly type: "circuit"; readonly version: VersionField; readonly token: string }
  | { readonly type: "accept"; readonly version: VersionField }
  | {
      readonly type: "reject";
      readonly version: VersionField;
      readonly message: string;
      readonly word: string;
    }
  | { readonly type: "request"; readonly version: VersionField; readonly method: number }
  | {
      readonly type: "response";
      readonly version: VersionField;
      readonly method: number;
      readonly payload: string;
      readonly tcp?: PortsField;
      readonly udp?: PortsField;
    }
  | { readonly type: "heartbeat"; readonly version: VersionField; readonly timestamp: string }
  | {
      readonly type: "added";
      readonly version: VersionField;
      readonly timestamp: string;
      readonly clients: readonly ClientField[];
    }
  | {
      readonly type: "removed";
      readonly version: VersionField;
      readonly timestamp: string;
      readonly ips: readonly string[];
    }
  | {
      readonly type: "signal";
      readonly version: VersionField;
      readonly identity: string;
      readonly payload: string;
    };

interface VectorHead {
  readonly name: string;
  readonly direction: "client to server" | "server to client" | "either";
  readonly phase: ServerPhase;
  readonly hex: string;
  readonly asked?: readonly number[];
  readonly signals?: true;
}

export interface GoodVector extends VectorHead {
  readonly fields:
    | PacketFields
    | { readonly type: "stream" | "reply"; readonly packets: readonly PacketFields[] };
}

export interface MalformedVector extends VectorHead {
  readonly error: { readonly word: string } | { readonly code: string };
  readonly offset: number;
}

export interface PayloadVectors {
  readonly index: number;
  readonly name: string;
  readonly valid: readonly {
    readonly name: string;
    readonly hex: string;
    readonly value: unknown;
    readonly from?: string;
  }[];
  readonly invalid: readonly {
    readonly name: string;
    readonly hex: string;
    readonly why: string;
    readonly from?: string;
  }[];
}

export interface UrlVectors {
  readonly valid: readonly {
    readonly url: string;
    readonly parsed: {
      readonly scheme: string;
      readonly host: string;
      readonly port: number;
      readonly network: string | null;
      readonly secure: boolean;
      readonly networkKey?: string;
    };
  }[];
  readonly invalid: readonly { readonly url: string; readonly why: string }[];
}

export interface StunVectors {
  readonly requests: readonly {
    readonly name: string;
    readonly hex: string;
    readonly from: readonly [string, number];
    readonly answer: string | null;
  }[];
  readonly responses: readonly {
    readonly name: string;
    readonly hex: string;
    readonly transactionId: string;
    readonly mapped: readonly [string, number] | null;
  }[];
}

export interface PreambleFields {
  readonly label: string;
  readonly proof: string | null;
  readonly refused: boolean;
  readonly pulse: boolean;
}

export interface PeerVectors {
  readonly preambles: readonly {
    readonly name: string;
    readonly from: PeerRole;
    readonly hex: string;
    readonly fields: PreambleFields;
  }[];
  readonly malformed: readonly {
    readonly name: string;
    readonly from: PeerRole;
    readonly hex: string;
    readonly offset: number;
  }[];
  readonly frames: readonly {
    readonly name: string;
    readonly hex: string;
    readonly data: string;
    readonly hasEnded: boolean;
  }[];
  readonly malformedFrames: readonly {
    readonly name: string;
    readonly hex: string;
    readonly offset: number;
  }[];
  readonly proofs: readonly {
    readonly name: string;
    readonly networkKey: string;
    readonly dialing: string;
    readonly accepting: string;
    readonly prover: PeerRole;
    readonly proof: string;
  }[];
  readonly identityTexts: readonly { readonly identity: string; readonly text: string }[];
  readonly tlsClients: readonly { readonly identities: readonly [string, string]; readonly client: string }[];
}

export interface RosterVector {
  readonly name: string;
  readonly connections: readonly {
    readonly replies: readonly {
      readonly hex: string;
      readonly roster: readonly ClientField[];
      readonly token: string;
    }[];
    readonly unfinished?: string;
  }[];
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
}

export function goodVectors(file: (typeof GOOD_FILES)[number]): readonly GoodVector[] {
  return readJson(file) as readonly GoodVector[];
}

export function malformedVectors(file: (typeof MALFORMED_FILES)[number]): readonly MalformedVector[] {
  return readJson(file) as readonly MalformedVector[];
}

export function payloadVectors(): readonly PayloadVectors[] {
  return readJson(PAYLOADS_FILE) as readonly PayloadVectors[];
}

export function rosterVectors(): readonly RosterVector[] {
  return readJson(ROSTERS_FILE) as readonly RosterVector[];
}

export function stunVectors(): StunVectors {
  return readJson(STUN_FILE) as StunVectors;
}

export function urlVectors(): UrlVectors {
  return readJson(URLS_FILE) as UrlVectors;
}

export function peerVectors(): PeerVectors {
  return readJson(PEERS_FILE) as PeerVectors;
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
