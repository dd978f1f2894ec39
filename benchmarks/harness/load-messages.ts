import type { Churn, CrowdState, Share } from "./crowd.ts";
import type { ServerAddress } from "./rival.ts";

/** What a load process is asked to do. */
export type LoadTask =
  | { readonly do: "start"; readonly rival: string; readonly server: ServerAddress; readonly share: Share }
  | { readonly do: "join"; readonly first: number; readonly count: number }
  | { readonly do: "leave"; readonly numbers: readonly number[] }
  | { readonly do: "churn"; readonly churn: Churn }
  | { readonly do: "converge" }
  | { readonly do: "shortfall" };

export interface LoadRequest {
  readonly id: number;
  readonly task: LoadTask;
}

export interface LoadDone {
  readonly latenciesUs?: readonly number[];
  /** Of `converge`: when, and how many entries were new to members so far. */
  readonly atUs?: number;
  readonly learned?: number;
  readonly shortfall?: string;
}

/** An answer to the request `id`, or what is told without being asked. */
export type LoadReport =
  | { readonly type: "ready" }
  | { readonly type: "progress"; readonly state: CrowdState; readonly fault: string | undefined }
  | { readonly type: "wrong"; readonly id: number; readonly why: string }
  | { readonly type: "done"; readonly id: number; readonly done: LoadDone };
