/** What happens to the files of a transfer, for whoever tells it to people or programs. Names have / between them. */
export type TransferEvent =
  /** For its checksum, before it is offered. */
  | { readonly type: "reading"; readonly name: string; readonly bytes: number; readonly size: number }
  | { readonly type: "offered"; readonly name: string; readonly size: number }
  /** @property bytes that the receiver has, or will have. The first tells from where a transfer goes on. */
  | { readonly type: "progress"; readonly name: string; readonly bytes: number; readonly size: number }
  | ReceivedEvent
  | { readonly type: "failed"; readonly name: string; readonly reason: string };

export interface ReceivedEvent {
  readonly type: "received";
  readonly name: string;
  /** In the receiver's folder. */
  readonly storedAs: string;
  readonly size: number;
  readonly sha256: string;
  /** It was there before. */
  readonly already: boolean;
}

/** The transfer waits for it, so that a reader of the output may be slow: see `SpareLines`. */
export type Tell = (event: TransferEvent) => Promise<void>;

/** Numbers of files. */
export interface TransferResult {
  readonly done: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
}

/** @returns what is to be told of a transfer of which something is missing. */
export function lackOf({ done, failed, firstFailure }: TransferResult): string | undefined {
  if (failed === 0) return undefined;
  return `${failed} of ${done + failed} files did not get over; the first reason: ${firstFailure}.`;
}
