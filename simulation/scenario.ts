import {
  encodeHold,
  encodeListeningPorts,
  encodeUdp,
  encodeUtf8,
  HISTORY_BYTES,
  METHOD,
} from "@lekt/protocol";
import type { PipeProfile, Random } from "@lekt/testkit";
import type { ServerOptions } from "../packages/server/src/options.ts";
import type { Person } from "./person.ts";
import type { RoomSettings } from "./simulated-room.ts";

/** Who takes part, and by what kind of line. */
export interface Participant {
  readonly person: Person;
  readonly settings: RoomSettings;
  readonly there: PipeProfile;
  readonly back: PipeProfile;
}

/** What can happen to those who take part. */
const HAPPENINGS = [
  "join",
  "leave",
  "update",
  "sleep",
  "stall",
  "cut",
  "half-open",
  "region",
  "pause",
  "restart",
  "clock",
  "rogue",
  "slow",
] as const;

export type Happening = (typeof HAPPENINGS)[number];

/** What a seed stands for. */
export interface Scenario {
  readonly options: ServerOptions & { readonly maxClients: number };
  /** Virtual milliseconds between the question and the verdict of `authorize`, at the most; undefined: no such hook. */
  readonly authorizeMs: number | undefined;
  readonly participants: readonly Participant[];
  /** How many are there from the beginning on, and over which time they come. */
  readonly atFirst: number;
  readonly arrivalMs: number;
  /** How long things happen. */
  readonly turmoilMs: number;
  /** Mean time between two happenings. */
  readonly everyMs: number;
  readonly happenings: readonly Happening[];
}

const MOST_HAPPENINGS = 300;
/** How long a client waits for the end of its setup, at the least. */
const LEAST_SETUP_MS = 3_000;
const EMPTY = new Uint8Array(0);

export function scenarioOf(random: Random): Scenario {
  const isCrowd = random.oneIn(100);
  const isLarge = isCrowd || random.oneIn(12);
  const size = isCrowd ? random.between(100, 300) : isLarge ? random.between(20, 60) : random.between(2, 14);
  const options = optionsOf(random, isCrowd);
  const networks = Array.from({ length: random.oneIn(3) ? random.between(2, 4) : 1 }, (_, i) => `net${i}`);
  if (options.defaultNetwork !== false || random.oneIn(4)) networks[0] = "";
  const maker = new ParticipantMaker(random, networks, options, isCrowd);
  const participants: Participant[] = [];
  while (participants.length < size) participants.push(maker.next(participants));
  const turmoilMs: number = isCrowd
    ? random.between(10_000, 40_000)
    : random.pick([15_000, 30_000, 60_000, 60_000, 120_000, isLarge ? 60_000 : 300_000]);
  return {
    options,
    authorizeMs: random.oneIn(6) ? random.pick([0, 50, 2_000, 12_000]) : undefined,
    participants,
    atFirst: random.between(1, size),
    arrivalMs: random.pick([0, 20, 1_000, 10_000]),
    turmoilMs,
    everyMs: Math.max(
      turmoilMs / MOST_HAPPENINGS,
      isCrowd ? random.between(300, 3_000) : random.pick([100, 500, 1_000, 3_000, 10_000]),
    ),
    happenings: happeningsOf(random, isCrowd),
  };
}

function happeningsOf(random: Random, isCrowd: boolean): readonly Happening[] {
  const happenings: Happening[] = ["join", "leave", "join", "leave"];
  for (const happening of HAPPENINGS) {
    const isHeavy = happening === "restart" || happening === "region" || happening === "pause";
    if (isCrowd && isHeavy && !random.oneIn(3)) continue;
    if (random.oneIn(2)) happenings.push(happening);
    if (!isHeavy && random.oneIn(5)) happenings.push(happening, happening, happening);
  }
  return happenings;
}

function optionsOf(random: Random, isCrowd: boolean): Scenario["options"] {
  const heartbeatIntervalMs = random.pick([1_000, 2_000, 3_000, 5_000, 10_000]);
  return {
    maxClients: random.oneIn(10) ? random.between(3, 12) : 16_384,
    maxClientsPerNetwork: random.oneIn(10) ? random.between(2, 10) : 10_000,
    maxClientsPerAddress: random.oneIn(6) ? random.between(1, 4) : isCrowd ? 400 : 64,
    maxConnectionsPerSecond: random.oneIn(8) ? random.between(2, 6) : isCrowd ? 1_000 : 32,
    tickMs: random.pick([0, 5, 20, 20, 20, 50, 300]),
    heartbeatIntervalMs,
    setupTimeoutMs: random.pick([2_000, 5_000, 10_000]),
    // With less than an interval everybody who asks only so often would fall behind at every change.
    // A crowd's roster takes longer to read over a bad line.
    historyMs: random.oneIn(3) ? random.pick(isCrowd ? [30, 60] : [4, 6, 10]) * heartbeatIntervalMs : 600_000,
    // A crowd whose changes do not fit into the past would fall behind and come back for ever.
    historyBytes: random.oneIn(3)
      ? random.pick([200_000, 400_000, 1_000_000]) * (isCrowd ? 32 : 1)
      : HISTORY_BYTES,
    defaultNetwork: !random.oneIn(12),
  };
}

/** Makes people of every kind: alone, twins, neighbours behind one address, on IPv6, with each attribute or none. */
class ParticipantMaker {
  readonly #random: Random;
  readonly #networks: readonly string[];
  readonly #intervalMs: number;
  /** How many networks of addresses there are: the fewer, the more neighbours. */
  readonly #addresses: number;
  readonly #isQuick: boolean;
  /** With more the setup would never be over in time. */
  readonly #mostLatencyMs: number;
  readonly #bulkBytes: number;

  constructor(
    random: Random,
    networks: readonly string[],
    { heartbeatIntervalMs = 0, setupTimeoutMs = 0, historyBytes = 0 }: ServerOptions,
    isCrowd: boolean,
  ) {
    this.#random = random;
    this.#networks = networks;
    this.#intervalMs = heartbeatIntervalMs;
    this.#mostLatencyMs = Math.min(setupTimeoutMs, LEAST_SETUP_MS) / 12;
    this.#addresses = random.pick([1, 3, 20, 1_000]);
    this.#isQuick = random.oneIn(2);
    // More at once than the past may hold would make everybody fall behind, again and again.
    const mayBeBulky = !isCrowd && historyBytes >= 200_000;
    this.#bulkBytes = mayBeBulky && random.oneIn(3) ? random.between(500, 1_900) : 0;
  }

  next(before: readonly Participant[]): Participant {
    const random = this.#random;
    const number = before.length;
    const model = before.length > 0 && random.oneIn(5) ? random.pick(before) : undefined;
    const offers = model ? new Map(model.person.offers) : this.#offers(number);
    const address = model && !random.oneIn(4) ? model.person.address : this.#address(number);
    const network = offers.get(METHOD.network);
    const person: Person = {
      name: `client ${number}`,
      address,
      network: network ? Buffer.from(network).toString() : "",
      offers,
      isRogue: false,
    };
    return { person, settings: this.#settings(address), ...this.#line() };
  }

  #offers(number: number): Map<number, Uint8Array> {
    const random = this.#random;
    const offers = new Map<number, Uint8Array>();
    const network = random.pick(this.#networks);
    if (network !== "") offers.set(METHOD.network, encodeUtf8(network));
    if (random.oneIn(12)) return offers;
    if (!random.oneIn(6)) offers.set(METHOD.name, encodeUtf8(`name${number}`));
    for (const method of [METHOD.server, METHOD.session, METHOD.resume, METHOD.update]) {
      if (!random.oneIn(3)) offers.set(method, EMPTY);
    }
    if (random.oneIn(8)) offers.set(METHOD.watch, EMPTY);
    if (!random.oneIn(3))
      offers.set(METHOD.hold, encodeHold(random.pick([0, 1, 500, 5_000, 25_000, 90_000])));
    if (random.oneIn(3)) offers.set(METHOD.identity, new Uint8Array(32).fill(number % 7));
    // Some show the identity that stands for the server (spec 8.1.6), and several the same.
    if (offers.has(METHOD.identity) && number % 4 > 0) offers.set(METHOD.signal, EMPTY);
    if (random.oneIn(2)) offers.set(METHOD.data, this.#bytes(random.pick([0, 10, 300, 1_000])));
    if (random.oneIn(5)) offers.set(METHOD.tcp, encodeListeningPorts({ port: 4_000, endpoints: [] }));
    if (random.oneIn(8)) offers.set(METHOD.udp, encodeUdp({ port: 4_000, endpoints: [] }));
    if (random.oneIn(8)) offers.set(METHOD.relay, EMPTY);
    if (random.oneIn(12)) offers.set(METHOD.token, this.#bytes(20));
    if (random.oneIn(6)) offers.set(random.pick([7, 16, 33, 64]), this.#bytes(20));
    if (random.oneIn(20)) offers.set(random.pick([5, 6, 30, 70, 200]), this.#bytes(5));
    if (this.#bulkBytes > 0) {
      offers.delete(METHOD.data);
      offers.set(40, this.#bytes(this.#bulkBytes));
    }
    return offers;
  }

  #bytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(this.#random.below(256));
  }

  #address(number: number): string {
    const random = this.#random;
    const n = random.below(this.#addresses);
    switch (random.below(8)) {
      case 0:
        return `2001:db8::${n.toString(16)}:${(number % 50).toString(16)}`;
      case 1:
        return `::ffff:10.0.${n >> 8}.${n & 255}`;
      case 2:
        // The pseudo address of the first, and the address itself, are one address in a roster (spec 5.12).
        return random.pick(["2001:db8::7", "248.207.53.14"]);
      default:
        return `10.0.${n >> 8}.${n & 255}`;
    }
  }

  #settings(address: string): RoomSettings {
    const random = this.#random;
    return {
      heartbeatIntervalMs: this.#intervalMs,
      setupTimeoutMs: random.pick([LEAST_SETUP_MS, 10_000]),
      staleGraceMs: random.pick([0, 1_000, 10_000, 30_000]),
      backoffCapMs: this.#isQuick ? 2_000 : random.pick([5_000, 30_000]),
      localAddress: random.pick([undefined, address, "192.168.0.2"]),
    };
  }

  #line(): Pick<Participant, "there" | "back"> {
    const random = this.#random;
    const latencyMs = Math.min(
      this.#mostLatencyMs,
      random.pick([0, 1, 10, 40, 150, random.oneIn(10) ? 900 : 80]),
    );
    // A small window on a long way is slower than a reader may be (spec 5.15.3).
    const leastWindowBytes = latencyMs > 10 ? 4_096 : 500;
    const direction = (leastBytes: number): PipeProfile => ({
      latencyMs,
      jitterMs: random.oneIn(3) ? 0 : latencyMs,
      windowBytes: random.pick([leastBytes, 16_384, 65_536, 1_000_000]),
      pieces: random.pick(["whole", "whole", "any", "any", random.oneIn(3) ? "bytes" : "any"]),
      readBytesPerSecond: Number.POSITIVE_INFINITY,
    });
    return { there: direction(4_096), back: direction(leastWindowBytes) };
  }
}
