import { safeText } from "@lekt/protocol";
import { jsonLine } from "../json-line.ts";
import { colorsFor, write } from "../output.ts";
import { attemptJson } from "../peers/trace-text.ts";
import type { NetworkFacts } from "./network-facts.ts";
import { addressLines, natText, portMappingLines, reachText } from "./network-text.ts";
import type { Trial } from "./peer-trials.ts";
import { trialLines, trialText } from "./trial-text.ts";

/** Where findings go, as they come. */
interface DoctorReport {
  network(facts: NetworkFacts): Promise<void>;
  /** Trials follow. */
  peer(wanted: string): Promise<void>;
  trial(trial: Trial): Promise<void>;
  /** @param isTried whether there was a peer to try it with */
  advice(advice: readonly string[], isTried: boolean): Promise<void>;
}

const ALL_IS_WELL = "Nothing seems to be missing, as far as can be told from here.";
const UNTRIED = "What works with a peer is seen only where it is tried: lekt doctor URL PEER.";

/** For people. */
export function textReport(): DoctorReport {
  const { bold } = colorsFor(process.stdout, process.env);
  const lines = (texts: readonly string[]) => write(texts.map((text) => `  ${safeText(text)}\n`).join(""));
  const section = async (title: string, texts: readonly string[]) => {
    await write(`${bold(safeText(title))}\n`);
    await lines(texts);
  };
  return {
    async network(facts) {
      const { methods } = facts;
      await section("This machine", addressLines(facts));
      const nat = natText(methods);
      await section("Routers", [...(nat === undefined ? [] : [nat]), ...portMappingLines(methods)]);
      await section("Ways for peers", methods.map(reachText));
    },
    peer: (wanted) => section(`The way to ${wanted}`, []),
    trial: (trial) => lines(trialLines(trial)),
    advice: (advice, isTried) =>
      section("What would help", [
        ...(advice.length > 0 ? advice : [ALL_IS_WELL]),
        ...(isTried ? [] : [UNTRIED]),
      ]),
  };
}

/** For programs: an event a line, each with its sentences. */
export const jsonReport: DoctorReport = {
  async network(facts) {
    const { addresses, seenAt, methods } = facts;
    const nat = natText(methods);
    const text = [...addressLines(facts), ...(nat === undefined ? [] : [nat]), ...portMappingLines(methods)];
    await write(jsonLine({ event: "network", addresses, seenAt: seenAt ?? null, text }));
    for (const report of methods)
      await write(jsonLine({ event: "method", ...report, text: reachText(report) }));
  },
  async peer() {},
  async trial(trial) {
    const { methods, trace, result } = trial;
    const attempts = trace.attempts.map(attemptJson);
    const outcome =
      result.type === "path"
        ? { path: result.path, ms: Math.round(result.ms) }
        : { error: { code: result.error.code, message: result.error.message } };
    await write(jsonLine({ event: "trial", methods, ...outcome, attempts, text: trialText(trial) }));
  },
  async advice(advice) {
    await write(jsonLine({ event: "advice", text: advice }));
  },
};
