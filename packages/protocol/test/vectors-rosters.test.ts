import { describe, expect, test } from "vitest";
import { concatBytes, toHex } from "../src/bytes.ts";
import { formatIpv4 } from "../src/ip.ts";
import { METHOD } from "../src/method-list.ts";
import { RosterView } from "../src/roster-view.ts";
import { ready } from "./client-visit.ts";
import { byteByByte } from "./stream-pieces.ts";
import { bytesOf, type ClientField, type RosterVector, rosterVectors } from "./vector-files.ts";

const OFFERS = new Map([METHOD.resume, METHOD.session].map((method) => [method, new Uint8Array(0)]));

function sorted(clients: readonly ClientField[]): string[] {
  return clients.map((client) => JSON.stringify(client)).sort();
}

/** What is there, but for the sessions. */
function shown(view: RosterView): string[] {
  const present = [...view.entries()].filter(({ stale }) => !stale);
  return sorted(
    present.map(({ object: { ip, methods } }) => ({
      ip: formatIpv4(ip),
      methods: methods
        .filter(({ index }) => index !== METHOD.session)
        .map(({ index, payload }) => [index, toHex(payload)]),
    })),
  );
}

function follow({ connections }: RosterVector, pieces: (bytes: Uint8Array) => Iterable<Uint8Array>): void {
  const view = new RosterView();
  for (const { replies, unfinished } of connections) {
    const visit = ready({ view, offers: OFFERS });
    for (const { hex, roster, token } of replies) {
      for (const piece of pieces(bytesOf(hex))) visit.receive(piece);
      expect(shown(view)).toEqual(sorted(roster));
      expect(toHex(view.resumeToken ?? new Uint8Array(0))).toBe(token);
    }
    const before = shown(view);
    visit.receive(bytesOf(unfinished ?? ""));
    visit.session.disconnected();
    expect(shown(view)).toEqual(before);
  }
}

describe.each(rosterVectors())("$name", (vector) => {
  test("whole", () => follow(vector, (bytes) => [bytes]));

  test("byte by byte", () => follow(vector, byteByByte));

  test("with all replies of a connection in one piece", () => {
    const joined = vector.connections.map(({ replies, unfinished = "" }) => {
      const last = replies.at(-1);
      if (!last) return { replies, unfinished };
      const hex = toHex(concatBytes(replies.map((reply) => bytesOf(reply.hex))));
      return { replies: [{ ...last, hex }], unfinished };
    });
    follow({ ...vector, connections: joined }, (bytes) => [bytes]);
  });
});
