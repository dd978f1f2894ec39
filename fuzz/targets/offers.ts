import { encodeHold, encodeListeningPorts, encodeUtf8, METHOD } from "@lekt/protocol";

const EMPTY = new Uint8Array(0);
const TCP = [METHOD.tcp, encodeListeningPorts({ port: 4_000, endpoints: [] })] as const;
const NAME = [METHOD.name, encodeUtf8("n")] as const;
const HOLD = [METHOD.hold, encodeHold(25_000)] as const;
const RESUME = [METHOD.resume, EMPTY] as const;
const SESSION = [METHOD.session, EMPTY] as const;
const UPDATE = [METHOD.update, EMPTY] as const;
const SERVER = [METHOD.server, EMPTY] as const;
const IDENTITY = [METHOD.identity, new Uint8Array(32).fill(1)] as const;
const SIGNAL = [METHOD.signal, EMPTY] as const;
const WATCH = [METHOD.watch, EMPTY] as const;

/** What a client may offer. */
export const OFFERS: readonly ReadonlyMap<number, Uint8Array>[] = [
  new Map(),
  new Map([TCP, NAME]),
  new Map([HOLD]),
  new Map([TCP, NAME, HOLD, SERVER, RESUME, UPDATE, SESSION]),
  new Map([RESUME]),
  new Map([RESUME, SESSION]),
  new Map([NAME, UPDATE]),
  new Map([SERVER, WATCH, SESSION]),
  // As a program might write them: not in order, and with one that it alone knows.
  new Map([[64, EMPTY], SERVER, TCP]),
  new Map([IDENTITY, UPDATE, SIGNAL]),
];
