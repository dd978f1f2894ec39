/** What can be asked of the server's process. */
export type Question = "port" | "counts" | "heldBytes" | "strain";

/** What the server has just now. */
export interface Counts {
  readonly clients: number;
  readonly networks: number;
  readonly connections: number;
  /** Written and not taken by the system yet, of all connections. */
  readonly waitingBytes: number;
}

/** What a stretch of time cost the server. */
export interface Strain {
  readonly cpuMs: number;
  readonly peakRssBytes: number;
  /** By how much its event loop was late. */
  readonly loopDelayMs: { readonly p50: number; readonly max: number };
}
