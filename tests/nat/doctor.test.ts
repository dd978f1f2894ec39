import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Diagnosis } from "./doctor-process.ts";
import { lacksLab } from "./lacks-lab.ts";
import { NatLab } from "./nat-lab.ts";
import { SERVER_ADDRESSES, type Site } from "./topology.ts";

const KINDS = ["N", "F", "P", "S", "U", "G"] as const;
type Kind = (typeof KINDS)[number];

const SITES = Object.fromEntries(
  KINDS.map((kind): [Kind, Site] => [kind, { routers: kind === "N" ? [] : [kind] }]),
);

/** What the doctor must say to hosts behind routers of each kind. */
const SENTENCES: Readonly<Record<Kind, readonly RegExp[]>> = {
  N: [
    /an address of its own\.$/m,
    /No router translates/,
    /tcp: 203\.0\.113\.\d+:\d+ is probably open, .* Nobody has dialled it/,
    /Nothing seems to be missing/,
  ],
  F: [/the address of a router in between/, /one outside port for both/, /Nothing seems to be missing/],
  P: [
    /the address of a router in between/,
    /one outside port for both/,
    /tcp, udp: no router answers that could open a port/,
    /tcp: both sides have to begin .*\(simultaneous open\)/,
    /Nothing seems to be missing/,
  ],
  S: [/\(symmetric NAT\)/, /Turn on UPnP or NAT-PMP/],
  U: [
    /UDP does not get through/,
    /udp: as far as is known, only peers in the same local network/,
    /Let UDP out/,
  ],
  G: [
    /tcp: the router says that it opened 1\.1\.1\.21:\d+ \((UPnP|NAT-PMP)\)/,
    /udp: the router says that it opened 1\.1\.1\.21:\d+ \((UPnP|NAT-PMP)\)/,
    /tcp: 203\.0\.113\.\d+:\d+ is probably open: the router says/,
    /Nothing seems to be missing/,
  ],
};

describe.skipIf(lacksLab)("lekt doctor tells the network of a host behind", () => {
  let lab: NatLab;

  beforeAll(async () => {
    lab = await NatLab.build(SITES);
    await once(lab.internet.fork("rendezvous-process.ts"), "message");
  }, 120_000);
  afterAll(() => lab?.close());

  test.concurrent.each(KINDS)("%s", { timeout: 120_000 }, async (kind) => {
    const url = `lekt://${SERVER_ADDRESSES[0]}/${kind}`;
    const [diagnosis] = await once(lab.host(kind).fork("doctor-process.ts", url), "message");
    const { code, stdout, stderr } = diagnosis as Diagnosis;
    expect(code, stderr).toBe(0);
    for (const sentence of SENTENCES[kind]) expect(stdout).toMatch(sentence);
    expect(stdout).toMatch(/relay: works: a circuit was opened and carried bytes \(203\.0\.113\.10:15358, /);
  });
});
