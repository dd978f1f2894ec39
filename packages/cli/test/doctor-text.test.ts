import { type MethodReport, PeerConnectError, type PeerPath } from "@lekt/client";
import type { LektErrorCode } from "@lekt/protocol";
import { describe, expect, it } from "vitest";
import { networkAdvice } from "../src/doctor/network-advice.ts";
import type { NetworkFacts, OwnAddress } from "../src/doctor/network-facts.ts";
import { addressLines, natText, portMappingLines, reachText } from "../src/doctor/network-text.ts";
import { type Trial, trials } from "../src/doctor/peer-trials.ts";
import { trialAdvice, trialLines } from "../src/doctor/trial-text.ts";

const HOME: OwnAddress = { name: "eth0", address: "192.168.1.20", scope: "private" };
const PUBLIC: OwnAddress = { name: "eth0", address: "203.0.113.7", scope: "global" };
const IPV6: OwnAddress = { name: "eth0", address: "2001:db8::7", scope: "global" };

function facts(given: Partial<NetworkFacts>): NetworkFacts {
  return { addresses: [HOME], seenAt: { address: "203.0.113.7", port: 4000 }, methods: [], ...given };
}

function udp(report: Partial<MethodReport>): MethodReport {
  return { method: "udp", reach: "agreed", ...report };
}

describe("where this machine is", () => {
  it.each<[string, Partial<NetworkFacts>, RegExp]>([
    ["behind a router", {}, /sees it at 203\.0\.113\.7:4000, the address of a router in between \(NAT\)/],
    ["at an own address", { addresses: [PUBLIC] }, /sees it at 203\.0\.113\.7:4000, an address of its own/],
    ["beside the server", { seenAt: { address: "127.0.0.1", port: 1 } }, /it runs on this machine/],
    ["in the server's network", { seenAt: { address: HOME.address, port: 1 } }, /the same private network/],
    [
      "behind a provider's router",
      { seenAt: { address: "100.64.0.3", port: 1 } },
      /a private address of a router/,
    ],
    ["with a silent server", { seenAt: undefined }, /The server does not say where it sees/],
    [
      "over IPv6",
      { addresses: [IPV6], seenAt: { address: IPV6.address, port: 1 } },
      /at \[2001:db8::7\]:1, an/,
    ],
  ])("%s", (_, given, text) => {
    expect(addressLines(facts(given))[1]).toMatch(text);
  });

  it("is told with its own addresses and what they are good for", () => {
    expect(addressLines(facts({ addresses: [HOME, IPV6] }))).toEqual([
      "Its own addresses: 192.168.1.20 (eth0), 2001:db8::7 (eth0).",
      expect.any(String),
      "It has an IPv6 address for the internet. Between peers that have one, too, no NAT stands, but perhaps firewalls.",
    ]);
    const alone = addressLines(facts({ addresses: [] }));
    expect(alone[0]).toBe("It has no address but those of loopback.");
    expect(alone[2]).toBe("It has no IPv6 address for the internet.");
  });
});

describe("the kind of NAT", () => {
  const seenAt = [{ address: "203.0.113.7", port: 5000 }];
  it.each<[MethodReport["nat"], RegExp]>([
    ["none", /^No router translates .* Seen at 203\.0\.113\.7:5000\.$/],
    [
      "independent",
      /^The router kept one outside port .*hole punching mostly works\. Seen at 203\.0\.113\.7:5000\.$/,
    ],
    ["symmetric", /^The router took another outside port for each of the server's ports \(symmetric NAT\)/],
    ["blocked", /^UDP does not get through/],
    ["unknown", /^The kind of NAT cannot be told: the server names no STUN responder\.$/],
  ])("%s", (nat, text) => {
    const reason = nat === "unknown" ? "the server names no STUN responder" : undefined;
    expect(natText([{ method: "tcp", reach: "open" }, udp({ nat, seenAt, reason })])).toMatch(text);
  });

  it("is not told where no method asks", () => {
    expect(natText([{ method: "tcp", reach: "open" }])).toBeUndefined();
  });
});

describe("a router that is to open a port", () => {
  it.each<[MethodReport["portMapping"], RegExp]>([
    [{ state: "off" }, /no router is asked/],
    [{ state: "unneeded" }, /no router was asked to open a port/],
    [{ state: "absent" }, /no router answers that could open a port \(UPnP, NAT-PMP\)/],
    [{ state: "refused", protocol: "UPnP" }, /the router answers \(UPnP\), and opens no port/],
    [
      { state: "mapped", protocol: "NAT-PMP", mapped: { address: "203.0.113.7", port: 4001 } },
      /the router says that it opened 203\.0\.113\.7:4001 \(NAT-PMP\)\.$/,
    ],
    [
      { state: "mapped", protocol: "UPnP", mapped: { address: "100.64.0.3", port: 4001 } },
      /opened 100\.64\.0\.3:4001 \(UPnP\), but is itself behind another router/,
    ],
  ])("%j", (portMapping, text) => {
    const [line] = portMappingLines([udp({ portMapping })]);
    expect(line).toMatch(text);
    expect(line).toMatch(/^udp: /);
  });

  it("is told once where it says the same to all methods", () => {
    const portMapping = { state: "absent" } as const;
    expect(portMappingLines([{ method: "tcp", reach: "agreed", portMapping }, udp({ portMapping })])).toEqual(
      ["tcp, udp: no router answers that could open a port (UPnP, NAT-PMP)."],
    );
  });
});

describe("the reach of a method", () => {
  const openAt = { address: "2001:db8::7", port: 4000 };
  it.each<[MethodReport, string]>([
    [
      { method: "tcp", reach: "open", openAt, portMapping: { state: "unneeded" } },
      "tcp: [2001:db8::7]:4000 is probably open, as the address is this machine's own. Nobody has dialled it from outside; a firewall may be in the way.",
    ],
    [
      { method: "tcp", reach: "open", openAt: { address: "192.168.1.20", port: 4000 } },
      "tcp: 192.168.1.20:4000 is open to the private network that the server is in, unless a firewall is in the way.",
    ],
    [
      { method: "tcp", reach: "open", openAt: { address: "127.0.0.1", port: 4000 } },
      "tcp: 127.0.0.1:4000 is open to programs on this machine. Of others nothing is known.",
    ],
    [
      { method: "tcp", reach: "open", openAt, portMapping: { state: "mapped" } },
      "tcp: [2001:db8::7]:4000 is probably open: the router says that it passes it on. Nobody has dialled it from outside.",
    ],
    [
      { method: "tcp", reach: "agreed" },
      "tcp: both sides have to begin at the same time, as agreed through the server (simultaneous open). A trial with a peer shows whether the routers let that through.",
    ],
    [
      udp({}),
      "udp: both sides have to begin at the same time, as agreed through the server (hole punching). A trial with a peer shows whether the routers let that through.",
    ],
    [
      udp({ reach: "local", reason: "no STUN responder of the server answers" }),
      "udp: as far as is known, only peers in the same local network reach this machine: no STUN responder of the server answers.",
    ],
    [
      { method: "relay", reach: "relayed", relay: "example.org:15358", roundTripMs: 12.345 },
      "relay: works: a circuit was opened and carried bytes (example.org:15358, 12.3 ms).",
    ],
    [
      { method: "relay", reach: "none", reason: "the server has no relay" },
      "relay: does not work: the server has no relay.",
    ],
  ])("%j", (report, text) => {
    expect(reachText(report)).toBe(text);
  });
});

describe("what would help this machine", () => {
  const open = { address: "203.0.113.7", port: 4001 };
  it.each<[string, Partial<NetworkFacts>, RegExp[]]>([
    ["nothing, where peers can punch holes", { methods: [udp({ nat: "independent" })] }, []],
    ["UDP", { methods: [udp({ nat: "blocked" })] }, [/^Let UDP out/]],
    [
      "an open port, or IPv6",
      { methods: [udp({ nat: "symmetric" })] },
      [/^Turn on UPnP/, /^Or turn on IPv6/],
    ],
    ["an open port", { addresses: [HOME, IPV6], methods: [udp({ nat: "symmetric" })] }, [/^Turn on UPnP/]],
    [
      "nothing, where the router has opened a port",
      { methods: [udp({ nat: "symmetric", portMapping: { state: "mapped", mapped: open } })] },
      [],
    ],
    [
      "a router that lets itself be asked",
      { methods: [udp({ nat: "independent", portMapping: { state: "refused" } })] },
      [/^Let the router open ports/],
    ],
    [
      "one router instead of two",
      {
        methods: [
          udp({
            nat: "independent",
            portMapping: { state: "mapped", mapped: { address: "192.168.0.2", port: 1 } },
          }),
        ],
      },
      [/^Two routers in a row/],
    ],
    ["STUN", { methods: [udp({ nat: "unknown" })] }, [/--no-stun/]],
    ["a relay", { methods: [{ method: "relay", reach: "none" }] }, [/--no-relay/]],
    [
      "a way to the relay",
      { methods: [{ method: "relay", reach: "none", relay: "example.org:1" }] },
      [/^Check that example\.org:1 can be reached/],
    ],
  ])("%s", (_, given, texts) => {
    const advice = networkAdvice(facts(given));
    expect(advice).toEqual(texts.map((text) => expect.stringMatching(text)));
  });
});

const TRACE = { peer: "aa".repeat(32), attempts: [], omitted: 0 };
const ATTEMPT = {
  id: "",
  startMs: 0,
  endMs: 40,
  candidates: ["tcp 203.0.113.7:1, roster"],
  notes: ["refused"],
};

function found(methods: readonly string[], path: Partial<PeerPath>): Trial {
  const remote = "203.0.113.7:4000";
  const whole = { method: "udp", local: "", remote, relayed: false, roundTripMs: 12, ...path };
  return { methods, trace: TRACE, result: { type: "path", path: whole, ms: 55.5 } };
}

function failed(
  methods: readonly string[],
  outcome: "failed" | "skipped" = "failed",
  code: LektErrorCode = "LEKT_UNREACHABLE",
): Trial {
  const attempts = methods.map((method) => ({ ...ATTEMPT, method, outcome, reason: "it did not answer." }));
  const trace = { ...TRACE, attempts };
  return {
    methods,
    trace,
    result: { type: "failure", error: new PeerConnectError(code, "It said no.", trace) },
  };
}

describe("a trial", () => {
  it.each<[string, Trial, string[]]>([
    [
      "that found a direct path",
      found(["udp"], {}),
      ["udp: connected directly, at 203.0.113.7:4000, after 56 ms, round trip 12 ms."],
    ],
    [
      "that found the relay",
      found(["tcp", "relay"], { method: "relay", relayed: true, roundTripMs: undefined }),
      ["all together: connected by relay over the relay 203.0.113.7:4000, after 56 ms."],
    ],
    [
      "that found no path",
      failed(["tcp"]),
      ["tcp: no path: it did not answer.", "  tried tcp 203.0.113.7:1, roster", "  refused"],
    ],
    [
      "that could not be made",
      failed(["tcp"], "skipped"),
      ["tcp: cannot be tried: it did not answer.", "  tried tcp 203.0.113.7:1, roster", "  refused"],
    ],
    [
      "of all that found no path",
      failed(["tcp", "udp"]),
      [
        "all together: no path.",
        "  tcp: failed after 40 ms: it did not answer. (tried tcp 203.0.113.7:1, roster)",
        "  udp: failed after 40 ms: it did not answer. (tried tcp 203.0.113.7:1, roster)",
      ],
    ],
    [
      "that the peer has refused",
      failed(["tcp"], "failed", "LEKT_PEER_REFUSED"),
      ["tcp: there is a path, but: It said no.", "  tried tcp 203.0.113.7:1, roster", "  refused"],
    ],
  ])("%s", (_, trial, lines) => {
    expect(trialLines(trial)).toEqual(lines);
  });

  it("says what would help both", () => {
    expect(trialAdvice([found(["udp"], {})], "ada")).toEqual([]);
    expect(trialAdvice([found(["relay"], { relayed: true })], "ada")).toEqual([
      expect.stringMatching(/^ada is reached over the relay alone: .* Run lekt doctor at ada, too\.$/),
    ]);
    expect(trialAdvice([failed(["tcp"])], "ada")).toEqual([
      expect.stringMatching(/^Run lekt doctor at ada, too/),
      expect.stringMatching(/^A relay at the server/),
    ]);
    expect(trialAdvice([failed(["tcp", "relay"])], "ada")[1]).toMatch(/^Both sides must reach the relay/);
    expect(trialAdvice([failed(["tcp"], "failed", "LEKT_NETWORK_KEY")], "ada")).toEqual([]);
  });
});

describe("the trials", () => {
  const connecting = (code: LektErrorCode, asked: unknown[] = []) => ({
    asked,
    connect: async ({ methods }: { methods?: readonly string[] }) => {
      asked.push(methods);
      throw new PeerConnectError(code, "It said no.", TRACE);
    },
  });

  async function all(methods: readonly string[], code: LektErrorCode): Promise<unknown[]> {
    const { asked, connect } = connecting(code);
    for await (const trial of trials(methods, connect)) expect(trial.result.type).toBe("failure");
    return asked;
  }

  it("are one of each method, and one of all", async () => {
    expect(await all(["tcp", "udp"], "LEKT_UNREACHABLE")).toEqual([["tcp"], ["udp"], ["tcp", "udp"]]);
    expect(await all(["udp"], "LEKT_UNREACHABLE")).toEqual([["udp"]]);
  });

  it("end where the peer says no", async () => {
    expect(await all(["tcp", "udp"], "LEKT_PEER_REFUSED")).toEqual([["tcp"]]);
  });

  it("end with what is no failure of a path", async () => {
    const { connect } = connecting("LEKT_ABORTED");
    await expect(trials(["tcp"], connect).next()).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });
});
