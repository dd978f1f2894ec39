import type { Peer } from "@lekt/client";
import { LektError } from "@lekt/protocol";
import { createColors } from "picocolors";
import { describe, expect, it } from "vitest";
import { displayWidth, fitToWidth, padToWidth } from "../src/display-width.ts";
import { type LiveState, LiveStateKeeper } from "../src/live/live-state.ts";
import { renderLive, timeText } from "../src/live/live-view.ts";

const NOW = new Date(2026, 2, 26, 10, 22, 3);
const PLAIN = createColors(false);

function peer(id: number, more: Partial<Peer> = {}): Peer {
  return {
    id: `${id}`,
    ip: "203.0.113.7",
    address: "203.0.113.7",
    name: `peer ${id}`,
    data: undefined,
    identity: undefined,
    tcp: { port: 4000 + id, endpoints: [] },
    udp: undefined,
    relay: false,
    webrtc: false,
    stale: false,
    methods: new Map(),
    ...more,
  };
}

function state(more: Partial<LiveState> = {}): LiveState {
  return {
    url: "lekt://localhost/friends",
    watch: false,
    status: { state: "online", attempt: 1 },
    retryAt: undefined,
    server: { version: "1.0.0", address: "127.0.0.1:15358", heartbeatSeconds: 10 },
    self: peer(0, { name: "ada" }),
    peers: [],
    since: new Map(),
    happenings: [],
    lastError: undefined,
    ...more,
  };
}

function render(live: LiveState, width = 80, height = 24): string {
  return renderLive(live, { width, height, colors: PLAIN, now: NOW });
}

describe("renderLive", () => {
  it("shows server, oneself, peers, what happened", () => {
    const peers = [peer(1), peer(2, { name: "日本", stale: true, relay: true })];
    const happenings = [{ at: NOW, kind: "came", text: "peer 1 came" }] as const;
    const since = new Map([["1", NOW]]);
    expect(render(state({ peers, since, happenings }))).toBe(
      [
        "● online  lekt://localhost/friends",
        "server  LEKT 1.0.0 at 127.0.0.1:15358, heartbeat 10 s",
        "you     ada  203.0.113.7  tcp 4000",
        "",
        "2 peers  address      since     tells",
        "peer 1   203.0.113.7  10:22:03  tcp 4001",
        "日本     203.0.113.7  missing   tcp 4002, relay",
        "",
        "10:22:03  peer 1 came",
        "",
        "Ctrl-C leaves.",
      ].join("\n"),
    );
  });

  it("counts down to the next attempt, and shows the error", () => {
    const error = new LektError("LEKT_CONNECT", "Could not connect.");
    const text = render(
      state({
        status: { state: "waiting", attempt: 3, error, retryInMs: 4_000 },
        retryAt: new Date(NOW.getTime() + 3_500),
        lastError: { at: NOW, message: error.message },
      }),
    );
    expect(text).toContain("○ not connected, attempt 3 in 4 s  lekt://localhost/friends");
    expect(text).toContain("error   10:22:03 Could not connect.");
  });

  it("says how many more there are than fit", () => {
    const peers = Array.from({ length: 500 }, (_, i) => peer(i));
    const text = render(state({ peers }), 80, 20);
    expect(text.split("\n")).toHaveLength(20);
    const shown = text.split("\n").filter((line) => /^peer \d/.test(line)).length;
    expect(text).toContain(`… and ${500 - shown} more`);
  });

  it("says that a watcher is not seen, and that nobody is there", () => {
    const text = render(state({ watch: true, self: undefined }));
    expect(text).toContain("you     watching: nobody sees you");
    expect(text).toContain("Nobody else is here.");
  });

  it("fits every terminal", () => {
    const peers = [
      peer(1, { name: "名".repeat(40), address: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" }),
      ...Array.from({ length: 50 }, (_, i) => peer(i + 2, { data: new Uint8Array(500) })),
    ];
    const happenings = peers.map(({ name }) => ({ at: NOW, kind: "came", text: `${name} came` }) as const);
    const lastError = { at: NOW, message: "x".repeat(300) };
    for (const width of [1, 5, 10, 20, 40, 80, 200]) {
      for (const height of [1, 2, 5, 8, 12, 24, 60]) {
        const lines = render(state({ peers, happenings, lastError }), width, height).split("\n");
        expect(lines.length).toBeLessThanOrEqual(height);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(width, 10));
      }
    }
  });

  it("has colours where they are wanted alone", () => {
    const screen = { width: 80, height: 24, now: NOW };
    expect(renderLive(state(), { ...screen, colors: createColors(true) })).toContain("\u001b[32m●");
    expect(renderLive(state(), { ...screen, colors: PLAIN })).not.toContain("\u001b");
  });
});

describe("LiveStateKeeper", () => {
  it("remembers when peers came, what happened, and the last error", () => {
    const keeper = new LiveStateKeeper();
    const error = new LektError("LEKT_REJECT_SHUTDOWN", "bad \u001b[31m text");
    keeper.apply({ type: "joined", peer: peer(1) }, NOW);
    keeper.apply({ type: "joined", peer: peer(2) }, NOW);
    keeper.apply({ type: "left", peer: peer(2) }, NOW);
    keeper.apply({ type: "status", status: { state: "waiting", attempt: 1, error, retryInMs: 500 } }, NOW);
    const room = {
      url: "",
      status: { state: "online", attempt: 1 },
      server: undefined,
      self: undefined,
      peers: [],
    };
    const live = keeper.state(room as unknown as Parameters<typeof keeper.state>[0], false);
    expect([...live.since.keys()]).toEqual(["1"]);
    expect(live.happenings.map(({ text }) => text)).toEqual([
      "peer 1 came",
      "peer 2 came",
      "peer 2 left",
      "connection lost",
    ]);
    expect(live.lastError?.message).toBe("bad \\u{1b}[31m text");
    expect(live.retryAt).toEqual(new Date(NOW.getTime() + 500));
  });

  it("does not grow for ever", () => {
    const keeper = new LiveStateKeeper();
    for (let i = 0; i < 1_000; i++) keeper.apply({ type: "joined", peer: peer(i) }, NOW);
    const room = {
      url: "",
      status: { state: "online", attempt: 1 },
      server: undefined,
      self: undefined,
      peers: [],
    };
    const live = keeper.state(room as unknown as Parameters<typeof keeper.state>[0], false);
    expect(live.happenings).toHaveLength(50);
  });
});

describe("display width", () => {
  it.each([
    ["ada", 3],
    ["日本語", 6],
    ["é", 1],
    ["e\u0301", 1],
    ["🙂", 2],
    ["ﾊﾝ", 2],
    ["한국", 4],
  ])("of %s is %i", (text, width) => expect(displayWidth(text)).toBe(width));

  it("cuts and fills", () => {
    expect(fitToWidth("日本語", 5)).toBe("日本…");
    expect(fitToWidth("日本語", 4)).toBe("日…");
    expect(fitToWidth("ada", 3)).toBe("ada");
    expect(fitToWidth("ada", 0)).toBe("");
    expect(padToWidth("日本", 6)).toBe("日本  ");
  });

  it("shows local time", () => expect(timeText(NOW)).toBe("10:22:03"));
});
