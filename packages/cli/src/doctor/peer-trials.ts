import {
  type ConnectOptions,
  type PathTrace,
  PeerConnectError,
  type PeerPath,
  type PeerStream,
} from "@lekt/client";
import type { LektErrorCode } from "@lekt/protocol";

/** How one connect went. */
export interface Trial {
  /** One on its own, or all together. */
  readonly methods: readonly string[];
  readonly trace: PathTrace;
  readonly result: TrialPath | TrialFailure;
}

interface TrialPath {
  readonly type: "path";
  readonly path: PeerPath;
  /** Until the peer had proven its identity. */
  readonly ms: number;
}

interface TrialFailure {
  readonly type: "failure";
  readonly error: PeerConnectError;
}

/** The path was there, and who or what was at its end is the trouble: other methods change nothing. */
const ANSWERS: ReadonlySet<LektErrorCode> = new Set([
  "LEKT_PEER_REFUSED",
  "LEKT_NETWORK_KEY",
  "LEKT_PEER_IDENTITY",
]);

/** Whether the failure is the peer's own word. */
export function isAnswer({ code }: { readonly code: LektErrorCode }): boolean {
  return ANSWERS.has(code);
}

/**
 * Connects by each method on its own and then by all together, and closes what it got; ends with the first word of
 * the peer that it does not want to.
 * @throws LektError of other kinds: `LEKT_ABORTED`, `LEKT_CLOSED`
 */
export async function* trials(
  methods: readonly string[],
  connect: (options: ConnectOptions) => Promise<PeerStream>,
): AsyncGenerator<Trial> {
  const alone = methods.length > 1 ? methods.map((method) => [method]) : [];
  for (const names of [...alone, methods]) {
    const trial = await tried(names, connect);
    yield trial;
    if (trial.result.type === "failure" && isAnswer(trial.result.error)) return;
  }
}

async function tried(
  methods: readonly string[],
  connect: (options: ConnectOptions) => Promise<PeerStream>,
): Promise<Trial> {
  const startMs = performance.now();
  try {
    const stream = await connect({ methods });
    const ms = performance.now() - startMs;
    stream.destroy();
    return { methods, trace: stream.trace, result: { type: "path", path: stream.path, ms } };
  } catch (error) {
    if (!(error instanceof PeerConnectError) || error.code === "LEKT_ABORTED") throw error;
    return { methods, trace: error.trace, result: { type: "failure", error } };
  }
}
