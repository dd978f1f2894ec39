import type { Peer } from "@lekt/client";
import { displayWidth, fitToWidth, padToWidth } from "../display-width.ts";
import type { Colors } from "../output.ts";
import { peerAddress, peerMethods, peerName } from "../peer-text.ts";
import type { LiveState } from "./live-state.ts";

export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly colors: Colors;
  readonly now: Date;
}

const NAME_WIDTH = 24;
const ADDRESS_WIDTH = 39;
const GAP = "  ";
const MOST_HAPPENINGS = 8;

/** The whole screen as text: at most `height` lines of at most `width` columns. */
export function renderLive(state: LiveState, screen: Screen): string {
  const head = headLines(state, screen);
  const hasFoot = screen.height >= 12 && state.status.state !== "closed";
  const foot = hasFoot ? ["", screen.colors.dim(fitToWidth("Ctrl-C leaves.", screen.width))] : [];
  const free = Math.max(0, screen.height - head.length - foot.length);
  const happenings = happeningLines(state, screen, Math.min(MOST_HAPPENINGS, Math.floor(free / 3)));
  const peers = peerLines(state, screen, free - happenings.length);
  return [...head, ...peers, ...happenings, ...foot].slice(0, screen.height).join("\n");
}

function headLines(state: LiveState, screen: Screen): string[] {
  const { colors, width } = screen;
  const { status, server, lastError } = state;
  const mark = status.state === "online" ? colors.green("●") : colors.yellow("○");
  const lines = [
    `${mark} ${colors.bold(fitToWidth(`${statusText(state, screen)}  ${state.url}`, width - 2))}`,
  ];
  const labelled = (label: string, text: string) =>
    `${colors.dim(label.padEnd(8))}${fitToWidth(text, width - 8)}`;
  if (server) lines.push(labelled("server", serverText(server)));
  lines.push(labelled("you", selfText(state)));
  if (lastError) {
    const text = fitToWidth(`${timeText(lastError.at)} ${lastError.message}`, width - 8);
    const isOver = status.state === "online" || (status.state === "closed" && !status.error);
    lines.push(`${colors.dim("error".padEnd(8))}${isOver ? colors.dim(text) : colors.red(text)}`);
  }
  return [...lines, ""];
}

function statusText({ status, retryAt }: LiveState, { now }: Screen): string {
  switch (status.state) {
    case "online":
      return "online";
    case "connecting":
      return status.attempt > 1 ? `connecting, attempt ${status.attempt}` : "connecting";
    case "waiting": {
      const leftMs = Math.max(0, (retryAt?.getTime() ?? now.getTime()) - now.getTime());
      return `not connected, attempt ${status.attempt} in ${Math.ceil(leftMs / 1_000)} s`;
    }
    case "closed":
      return status.error ? "closed" : "left";
  }
}

function serverText(server: NonNullable<LiveState["server"]>): string {
  const parts = [`LEKT ${server.version} at ${server.address}`];
  if (server.you) parts.push(`sees you as ${server.you.address}`);
  if (server.heartbeatSeconds !== undefined) parts.push(`heartbeat ${server.heartbeatSeconds} s`);
  return parts.join(", ");
}

function selfText({ self, watch }: LiveState): string {
  if (watch) return "watching: nobody sees you";
  if (!self) return "not in the list yet";
  return [peerName(self), peerAddress(self), peerMethods(self)].filter((part) => part !== "").join(GAP);
}

/** The list, and how many more there are than the screen has room for. */
function peerLines(state: LiveState, screen: Screen, room: number): string[] {
  const { colors, width } = screen;
  const { peers } = state;
  if (room <= 0) return [];
  if (peers.length === 0) return [colors.dim(fitToWidth("Nobody else is here.", width))];
  const count = peers.length === 1 ? "1 peer" : `${peers.length} peers`;
  if (room < 3) return [fitToWidth(count, width)];
  const rows = room - 1;
  const shown = peers.length > rows ? peers.slice(0, rows - 1) : peers;
  const table = tableLines(shown, state, screen, count);
  const hidden = peers.length - shown.length;
  return hidden > 0 ? [...table, colors.dim(fitToWidth(`… and ${hidden} more`, width))] : table;
}

function tableLines(peers: readonly Peer[], state: LiveState, screen: Screen, count: string): string[] {
  const { colors, width } = screen;
  const rows = peers.map((peer) => ({
    peer,
    name: peerName(peer),
    address: peerAddress(peer),
    since: sinceText(peer, state),
    methods: peerMethods(peer),
  }));
  const widest = (texts: string[], most: number) => Math.min(most, Math.max(...texts.map(displayWidth)));
  const nameWidth = widest(
    [count, ...rows.map(({ name }) => name)],
    Math.min(NAME_WIDTH, Math.ceil(width / 3)),
  );
  const addressWidth = widest(["address", ...rows.map(({ address }) => address)], ADDRESS_WIDTH);
  const sinceWidth = widest(["since", ...rows.map(({ since }) => since)], 20);
  const cells = (name: string, address: string, since: string, methods: string) =>
    fitToWidth(
      [padToWidth(name, nameWidth), padToWidth(address, addressWidth), padToWidth(since, sinceWidth), methods]
        .join(GAP)
        .trimEnd(),
      width,
    );
  const header = colors.dim(cells(count, "address", "since", "tells"));
  return [
    header,
    ...rows.map(({ peer, name, address, since, methods }) => {
      const line = cells(name, address, since, methods);
      return peer.stale ? colors.dim(line) : line;
    }),
  ];
}

function sinceText(peer: Peer, { since }: LiveState): string {
  if (peer.stale) return "missing";
  const at = since.get(peer.id);
  return at ? timeText(at) : "before you";
}

function happeningLines({ happenings }: LiveState, { colors, width }: Screen, room: number): string[] {
  if (room < 2 || happenings.length === 0) return [];
  const paint = { came: colors.green, left: colors.red, changed: colors.yellow };
  const lines = happenings.slice(1 - room).map(({ at, kind, text }) => {
    const time = timeText(at);
    return `${colors.dim(time)}${GAP}${paint[kind](fitToWidth(text, width - time.length - GAP.length))}`;
  });
  return ["", ...lines];
}

/** "10:22:03", local time. */
export function timeText(date: Date): string {
  return date.toTimeString().slice(0, 8);
}
