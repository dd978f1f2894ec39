import {
  ClientSession,
  encodeHandshake,
  encodeHeartbeat,
  encodeResponse,
  METHOD,
  RosterView,
} from "@lekt/protocol";
import type { Random, SimulatedSocket, VirtualClock } from "@lekt/testkit";
import type { Person } from "./person.ts";
import type { Visit } from "./visit.ts";

const DEEDS = ["garbage", "mute", "drip", "flood", "nonsense", "deaf", "silent", "stray", "eager"] as const;

/** Somebody who keeps no rules: its connections end by what the server does. */
export function misbehave(
  person: Person,
  socket: SimulatedSocket,
  visit: Visit,
  clock: VirtualClock,
  random: Random,
): void {
  const deed = random.pick(DEEDS);
  const send = (bytes: Uint8Array) => {
    visit.wrote(bytes.length);
    socket.write(bytes);
  };
  const beat = () => {
    const bytes = encodeHeartbeat(0n);
    visit.wroteHeartbeat(bytes.length);
    socket.write(bytes);
  };
  const known = Math.max(0, ...person.offers.keys());
  const none = { onData: () => {}, onEnd: () => socket.destroy(), onWritable: () => {}, onClose: () => {} };
  switch (deed) {
    case "garbage":
      socket.open(none);
      send(Uint8Array.from({ length: random.between(1, 200) }, () => random.below(256)));
      return;
    case "mute":
      socket.open(none);
      send(encodeHandshake(known, person.offers.keys()));
      return;
    case "drip": {
      socket.open(none);
      const bytes = encodeHandshake(known, person.offers.keys());
      bytes.forEach((_, i) => void clock.in(i * 900, () => send(bytes.subarray(i, i + 1))));
      return;
    }
    default:
      break;
  }
  joinAnd(person, socket, visit, clock, () => {
    switch (deed) {
      case "flood":
        for (let i = 0; i < 60; i++) clock.in(i * random.below(20), beat);
        break;
      case "nonsense":
        beat();
        clock.in(random.below(3_000), () => send(Uint8Array.from({ length: 40 }, () => random.below(256))));
        break;
      case "deaf":
        socket.incoming.isRead = false;
        // Little is on its way before the server has to wait.
        socket.incoming.profile = { ...socket.incoming.profile, windowBytes: 200 };
        for (let i = 0; i < 30; i++) clock.in(i * 400, beat);
        break;
      case "silent":
        break;
      case "stray":
        send(encodeResponse(0, new Uint8Array(random.below(100))));
        beat();
        break;
      case "eager":
        // More than one heartbeat at a time, which a server answers, in order (spec 5.14).
        for (let i = 0; i < 30; i++) clock.in(i * 333, beat);
        break;
    }
  });
}

/** A good client up to the zero request. */
function joinAnd(
  person: Person,
  socket: SimulatedSocket,
  visit: Visit,
  clock: VirtualClock,
  then: () => void,
): void {
  const offers = new Map(person.offers);
  offers.delete(METHOD.resume);
  const session = new ClientSession({ offers, view: new RosterView(), unixSeconds: () => 0 }, clock.nowMs);
  let isReady = false;
  const pump = () => {
    for (const event of session.takeEvents()) {
      if (event.type === "ready") {
        isReady = true;
        then();
      } else if (event.type === "send" && !isReady) {
        visit.wrote(event.bytes.length);
        socket.write(event.bytes);
      }
    }
  };
  socket.open({
    onData: (bytes) => {
      if (isReady) return;
      session.receive(bytes, clock.nowMs);
      pump();
    },
    onEnd: () => socket.destroy(),
    onWritable: () => {},
    onClose: () => {},
  });
  pump();
}
