import { type Endpoint, scopedAddress } from "@lekt/protocol";
import { encodeProbe, NO_ECHO } from "../../packages/methods/src/udp/probe.ts";
import { Punch, type PunchEffect, type PunchOptions } from "../../packages/methods/src/udp/punch.ts";
import { preparePunch } from "../../packages/methods/src/udp/punch-setup.ts";
import { StrangerPackets } from "../../packages/methods/src/udp/stranger-packets.ts";
import type { UdpDescription } from "../../packages/methods/src/udp/udp-signal.ts";
import { ByteDealer, type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { naiveAddress } from "../models/naive-address.ts";
import { lineOf, type NaiveNetwork, type NaiveQuestion, networkOf } from "../models/naive-targets.ts";
import { dealtAddress } from "./address-program.ts";

const ATTEMPT = "0123456789abcdef";
const NETWORKS = [
  { peerAddress: "203.0.113.7", ownPublicAddress: "198.51.100.9", ownLocalAddress: "192.168.1.2" },
  { peerAddress: "203.0.113.7", ownPublicAddress: "203.0.113.7", ownLocalAddress: "192.168.1.2" },
  { peerAddress: "2001:db8::7", ownPublicAddress: "198.51.100.9", ownLocalAddress: "192.168.1.2" },
];
const NATS = ["independent", "symmetric", "unknown", "blocked"] as const;
const STEPS_MS = [0, 0, 0, 0, 60, 1_000];
const COOKIE = "aaaaaaaaaaaaaaaa";

/** A peer has this side open many sockets, and sends probes to each of them in one other address's name. */
const MANY_SOCKETS_PROBED = [
  ...[0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 1, 1, 5, 26, 0, 9, 5, 1, 5, 26, 0, 0, 1, 0],
  ...new Array<number[]>(8).fill([0, 1, 5, 26, 0, 1, 1, 0]).flat(),
];

/**
 * The bytes are a program: descriptions of both sides, and what a peer does that means harm, in up to three rounds
 * of one attempt: it sends probes in other people's names.
 */
export function punchPacketsTarget(name: string, prepare: typeof preparePunch = preparePunch): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const dealer = new ByteDealer(bytes);
    const facts = dealer.pick(NETWORKS);
    const role = dealer.pick(["dialing", "accepting"] as const);
    const peer = { identity: "00".repeat(32), address: facts.peerAddress, payload: undefined };
    const network = {
      facts: { publicAddress: facts.ownPublicAddress, localAddress: facts.ownLocalAddress },
      cookieKey: Buffer.alloc(32),
      strangerPackets: new StrangerPackets(),
    };
    const sent = new SentPackets(facts);
    for (let round = 0; round < 3 && !dealer.isEmpty; round++) {
      const own = dealtDescription(dealer, round);
      const theirs = dealtDescription(dealer, round);
      const { options } = prepare(network, { role, attempt: ATTEMPT, peer, own, theirs });
      note(`${round} ${options.manySockets} ${options.targets.length > 0}`);
      playRound(new Punch({ ...options, random: 7 }), options, dealer, sent);
    }
    for (const line of sent.lines) note(line);
  };
  return {
    name,
    oracle:
      "sends to addresses that a peer names, or sends from, no more than spec 9.5.4 allows in an attempt",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 400,
    seeds: () => [
      ...[0, 1, 2, 3].map((seed) => inputOf(Uint8Array.from({ length: 120 }, (_, i) => i * i + seed))),
      inputOf(Uint8Array.from(MANY_SOCKETS_PROBED)),
    ],
    run,
  };
}

function dealtDescription(dealer: ByteDealer, round: number): UdpDescription {
  const nat = dealer.pick(NATS);
  const candidates = Array.from({ length: dealer.below(10) }, () => ({
    kind: dealer.pick(["host", "reflexive", "mapped"] as const),
    ...dealtEndpoint(dealer),
  }));
  return { round, secret: "00".repeat(16), stream: 1, nat, candidates };
}

function dealtEndpoint(dealer: ByteDealer): Endpoint {
  const text = dealer.below(3) === 0 ? dealer.pick(NETWORKS).peerAddress : dealtAddress(dealer);
  return { address: scopedAddress(text)?.text ?? "8.8.8.8", port: 4_000 + dealer.below(3) };
}

function playRound(
  punch: Punch,
  { nowMs, role, secret }: PunchOptions,
  dealer: ByteDealer,
  sent: SentPackets,
): void {
  let now = nowMs;
  sent.add(punch.advance(now));
  for (let step = dealer.below(10); step > 0; step--) {
    now += dealer.pick(STEPS_MS);
    sent.add(punch.advance(now));
    const from = dealtEndpoint(dealer);
    const socket = dealer.pick([...sent.sockets]);
    const cookie = sent.cookies.get(`${socket} ${from.address} ${from.port}`);
    const echo = dealer.below(4) === 0 && cookie !== undefined ? cookie : NO_ECHO;
    const kind = dealer.pick(["probe", "chosen", "confirmed"] as const);
    if (echo !== NO_ECHO) sent.proven.add(`${naiveAddress(from.address)?.number}`);
    const theirRole = role === "dialing" ? "accepting" : "dialing";
    const probe = encodeProbe({ role: theirRole, kind, attempt: ATTEMPT, cookie: COOKIE, echo }, secret);
    sent.add(punch.receive(now, socket, from, probe));
  }
}

/** What was sent in an attempt to whom, and what may be. */
class SentPackets {
  readonly lines = new Set<string>();
  /** By socket, address and port: what comes back where a packet got there. */
  readonly cookies = new Map<string, string>();
  /** Addresses that have sent a cookie back. */
  readonly proven = new Set<string>();
  readonly sockets = new Set([0]);
  readonly #rosterAddress: string | undefined;
  readonly #network: NaiveNetwork;
  readonly #packets = new Map<string, number>();
  readonly #ports = new Map<string, number>();

  constructor(question: NaiveQuestion) {
    this.#rosterAddress = question.peerAddress;
    this.#network = networkOf(question);
  }

  add(effects: readonly PunchEffect[]): void {
    for (const effect of effects) {
      if (effect.type !== "send") continue;
      const { socket, to, bytes } = effect;
      this.cookies.set(`${socket} ${to.address} ${to.port}`, Buffer.from(bytes).toString("hex", 15, 23));
      this.sockets.add(socket);
      this.#count(to);
    }
  }

  #count({ address, port }: Endpoint): void {
    // Most go there, and as many as it takes.
    if (address === this.#rosterAddress) return;
    const judged = naiveAddress(address);
    const line = lineOf(judged, this.#network);
    this.lines.add(line);
    check(line !== "no", `a packet to an address that is forbidden: ${address}`);
    const key = `${judged?.number}`;
    if (line !== "other" || this.proven.has(key)) return;
    const packets = (this.#packets.get(key) ?? 0) + 1;
    this.#packets.set(key, packets);
    check(packets <= 5, `more than 5 packets to a public address: ${address}`);
    check(this.#packets.size <= 8, `more than 8 other public addresses in an attempt: ${address}`);
    const before = this.#ports.get(key) ?? port;
    this.#ports.set(key, port);
    check(port === before, `a second port of a public address: ${address}`);
  }
}
