import { decodeListeningPorts } from "./payloads/endpoints.ts";
import { decodeHold } from "./payloads/hold.ts";
import { MAX_RESUME_TOKEN_BYTES } from "./payloads/resume-token.ts";
import { decodeText, MAX_NAME_BYTES, MAX_NETWORK_NAME_BYTES } from "./payloads/text.ts";
import { decodeUdp } from "./payloads/udp.ts";

/** The indices of the methods and attributes that this version knows (spec/methods.md). */
export const METHOD = {
  tcp: 1,
  udp: 2,
  relay: 3,
  webrtc: 4,
  network: 17,
  token: 18,
  identity: 19,
  name: 20,
  data: 21,
  hold: 22,
  server: 23,
  signal: 24,
  ipv6: 25,
  resume: 26,
  watch: 27,
  update: 28,
  session: 29,
} as const;

export type MethodName = keyof typeof METHOD;

export const IDENTITY_BYTES = 32;
export const MAX_DATA_BYTES = 1_024;

/** One line of the list. */
export interface MethodDefinition {
  readonly name: MethodName;
  /** Published payloads are part of the client object; private ones end at the server. */
  readonly published: boolean;
  /** The fault of a payload, as text, or undefined where it is well-formed. */
  readonly fault: (payload: Uint8Array) => string | undefined;
}

/** The list. */
const DEFINITIONS: Readonly<Record<number, MethodDefinition>> = {
  [METHOD.tcp]: { name: "tcp", published: true, fault: faultOf(decodeListeningPorts) },
  [METHOD.udp]: { name: "udp", published: true, fault: faultOf(decodeUdp) },
  [METHOD.relay]: { name: "relay", published: true, fault: mustBeEmpty },
  [METHOD.webrtc]: { name: "webrtc", published: true, fault: mustBeEmpty },
  [METHOD.network]: {
    name: "network",
    published: false,
    fault: faultOf((payload) => decodeText(payload, MAX_NETWORK_NAME_BYTES)),
  },
  [METHOD.token]: { name: "token", published: false, fault: () => undefined },
  [METHOD.identity]: {
    name: "identity",
    published: true,
    fault: (payload) =>
      payload.length === IDENTITY_BYTES ? undefined : `it is not ${IDENTITY_BYTES} bytes long`,
  },
  [METHOD.name]: {
    name: "name",
    published: true,
    fault: faultOf((payload) => decodeText(payload, MAX_NAME_BYTES)),
  },
  [METHOD.data]: {
    name: "data",
    published: true,
    fault: (payload) =>
      payload.length <= MAX_DATA_BYTES ? undefined : `it is longer than ${MAX_DATA_BYTES} bytes`,
  },
  [METHOD.hold]: { name: "hold", published: false, fault: faultOf(decodeHold) },
  [METHOD.server]: { name: "server", published: false, fault: mustBeEmpty },
  [METHOD.signal]: { name: "signal", published: false, fault: mustBeEmpty },
  [METHOD.resume]: {
    name: "resume",
    published: false,
    fault: (payload) =>
      payload.length <= MAX_RESUME_TOKEN_BYTES
        ? undefined
        : `it is longer than ${MAX_RESUME_TOKEN_BYTES} bytes`,
  },
  [METHOD.watch]: { name: "watch", published: false, fault: mustBeEmpty },
  [METHOD.update]: { name: "update", published: false, fault: mustBeEmpty },
  [METHOD.session]: { name: "session", published: false, fault: mustBeEmpty },
};

export function methodDefinition(index: number): MethodDefinition | undefined {
  return DEFINITIONS[index];
}

/** "method 1 (tcp)", or "method 40" where the list has no name for it. */
export function describeMethod(index: number): string {
  const name = index === METHOD.ipv6 ? "ipv6" : DEFINITIONS[index]?.name;
  return name ? `method ${index} (${name})` : `method ${index}`;
}

/** 7–16 and 33–64: asked for and passed on unread (spec/methods.md). */
export function isPassedOnUnread(index: number): boolean {
  return (index >= 7 && index <= 16) || (index >= 33 && index <= 64);
}

/** Whether a server of this version asks for the method (spec 4.2). */
export function isAskedFor(index: number): boolean {
  return index in DEFINITIONS || isPassedOnUnread(index);
}

/** Signals need an identity: without it a server does not ask for them (spec/methods.md). */
export function setsSignals(methods: readonly number[]): boolean {
  return methods.includes(METHOD.signal) && methods.includes(METHOD.identity);
}

export function isPublished(index: number): boolean {
  return DEFINITIONS[index]?.published ?? true;
}

function mustBeEmpty(payload: Uint8Array): string | undefined {
  return payload.length === 0 ? undefined : "it must be empty";
}

function faultOf(decode: (payload: Uint8Array) => unknown): (payload: Uint8Array) => string | undefined {
  return (payload) => {
    const result = decode(payload);
    return typeof result === "string" ? result : undefined;
  };
}
