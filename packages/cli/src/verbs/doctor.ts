import { LektError, safeText } from "@lekt/protocol";
import type { Command } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { jsonReport, textReport } from "../doctor/doctor-report.ts";
import { networkAdvice } from "../doctor/network-advice.ts";
import { networkFacts } from "../doctor/network-facts.ts";
import { isAnswer, type Trial, trials } from "../doctor/peer-trials.ts";
import { trialAdvice } from "../doctor/trial-text.ts";
import { NoPath } from "../failure.ts";
import { addPeerFlags, METHOD_NAMES, type PeerFlags, WHO_IS_CONNECTED } from "../peers/peer-flags.ts";
import { PeerRoom } from "../peers/peer-room.ts";
import { PING_LABEL } from "../peers/ping-label.ts";

const EXAMPLES = `
With a PEER, connects to it by each method on its own, and by all together. The peer runs lekt ping, expose, forward, pipe or receive.
${WHO_IS_CONNECTED}

Examples:
  lekt doctor lekt://example.org/friends                what this machine's network allows
  lekt doctor "$URL" ada                                why ada is not reached, or not directly
  lekt doctor "$URL" ada --methods udp --json | jq .    one method alone, for programs

Exit codes: 0 fine; 1 no path to the peer; 2 wrong usage; 3 the peer did not come; 4 no server; 5 refused.`;

export function addDoctor(program: Command): void {
  const command = program
    .command("doctor")
    .summary("what this network allows, and why a peer is not reached")
    .description("Says what this machine's network is like, how peers can reach it, and what would help.")
    .argument("<url>", URL_HELP)
    .argument("[peer]", "name or identity of a peer to connect to, for a trial");
  addPeerFlags(command);
  command.addHelpText("after", EXAMPLES).action(doctor);
}

async function doctor(url: string, wanted: string | undefined, flags: PeerFlags): Promise<void> {
  await using joined = await PeerRoom.join(url, flags, process.env);
  const report = flags.json ? jsonReport : textReport();
  const progress = (text: string) => {
    if (process.stderr.isTTY && !flags.json) joined.note(text);
  };
  progress("asking the server and routers, up to 15 s …");
  const facts = networkFacts(joined.room.server, await joined.room.methodReports());
  if (joined.stopped.aborted) throw new LektError("LEKT_ABORTED", "Stopped before anything was found out.");
  await report.network(facts);
  const made: Trial[] = [];
  if (wanted !== undefined) {
    progress(`connecting to ${wanted} …`);
    await report.peer(wanted);
    for await (const trial of trialsWith(joined, wanted, flags)) {
      made.push(trial);
      await report.trial(trial);
    }
  }
  await report.advice(
    [...networkAdvice(facts), ...trialAdvice(made, wanted ?? "the peer")],
    wanted !== undefined,
  );
  const result = made.at(-1)?.result;
  if (result?.type !== "failure") return;
  throw isAnswer(result.error) ? result.error : new NoPath(`There is no path to ${safeText(`${wanted}`)}.`);
}

function trialsWith(
  joined: PeerRoom,
  wanted: string,
  { methods = METHOD_NAMES }: PeerFlags,
): AsyncGenerator<Trial> {
  return trials(methods, (options) => joined.connect(wanted, { label: PING_LABEL, ...options }));
}
