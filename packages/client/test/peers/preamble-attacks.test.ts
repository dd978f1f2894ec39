import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { encodePreamble } from "@lekt/protocol";
import { describe, expect, it, test } from "vitest";
import type { SecuredPath } from "../../src/peers/secure-path.ts";
import { closeOf, memoryPair, tcpPair } from "./raw-paths.ts";
import {
  accepting,
  ada,
  bothSides,
  dialing,
  grace,
  mallory,
  NETWORK_KEY,
  type Options,
  outcomes,
  rawTlsClient,
  rawTlsServer,
} from "./secured-peers.ts";

const OTHER_KEY = new Uint8Array(32).fill(8);
const key = (networkKey: Uint8Array) => ({ networkKey });

describe("the network key", () => {
  test.each([
    { who: "both have it", dial: key(NETWORK_KEY), accept: key(NETWORK_KEY), ends: ["secured", "secured"] },
    { who: "none has one", dial: {}, accept: {}, ends: ["secured", "secured"] },
    {
      who: "they differ",
      dial: key(NETWORK_KEY),
      accept: key(OTHER_KEY),
      ends: ["LEKT_NETWORK_KEY", "LEKT_NETWORK_KEY"],
    },
    {
      who: "only who dials has one",
      dial: key(NETWORK_KEY),
      accept: {},
      ends: ["LEKT_NETWORK_KEY", "LEKT_NETWORK_KEY"],
    },
    {
      who: "only who accepts has one",
      dial: {},
      accept: key(NETWORK_KEY),
      ends: ["LEKT_PEER_REFUSED", "LEKT_NETWORK_KEY"],
    },
  ])("$who", async ({ dial, accept, ends }) => {
    expect(await outcomes(bothSides(await memoryPair(), dial, accept))).toEqual(ends);
  });

  it("is asked for before the application is asked", async () => {
    const accept = () => expect.fail("the application was asked");
    const sides = bothSides(await memoryPair(), key(OTHER_KEY), { ...key(NETWORK_KEY), accept });
    expect(await outcomes(sides)).toEqual(["LEKT_NETWORK_KEY", "LEKT_NETWORK_KEY"]);
  });

  it("is not proven by sending back what the other side proved it with", async () => {
    const [a, b] = await memoryPair();
    rawTlsServer(b, {}, (tls) => {
      tls.once("data", (greeting: Buffer) => {
        tls.write(encodePreamble({ label: "", proof: greeting.subarray(-32), refused: false, pulse: false }));
      });
    });
    expect(await outcomes([dialing(a, key(NETWORK_KEY))])).toEqual(["LEKT_NETWORK_KEY"]);
  });

  it("is not proven by what a peer proved to somebody else", async () => {
    const [a, b] = await memoryPair();
    const proofs = new Promise<Buffer>((resolve) => {
      rawTlsServer(b, {}, (tls) => tls.once("data", (greeting: Buffer) => resolve(greeting.subarray(-32))));
    });
    const deceived = dialing(a, { ...key(NETWORK_KEY), timeoutMs: 20_000 });
    const proof = await proofs;
    a.destroy();
    expect(await outcomes([deceived])).toEqual(["LEKT_PATH"]);
    const [c, d] = await memoryPair();
    rawTlsClient(c).write(encodePreamble({ label: "", proof, refused: false, pulse: false }));
    expect(await outcomes([accepting(d, key(NETWORK_KEY))])).toEqual(["LEKT_NETWORK_KEY"]);
  });

  it("is shown to nobody who has not shown it first", async () => {
    const [a, b] = await memoryPair();
    const tls = rawTlsClient(a);
    tls.write(encodePreamble({ label: "", proof: new Uint8Array(32), refused: false, pulse: false }));
    const [[answer]] = await Promise.all([once(tls, "data"), outcomes([accepting(b, key(NETWORK_KEY))])]);
    expect(Buffer.from(answer).toString("hex")).toBe("010200");
  });
});

describe("a server that lies about identities sits in between", () => {
  /** Ada is told that Grace is Mallory, and Grace that Ada is; Mallory passes on everything that both say. */
  async function deceived(dial: Options, accept: Options): Promise<Promise<SecuredPath>[]> {
    const [a, near] = await memoryPair();
    const [far, b] = await memoryPair();
    rawTlsServer(near, {}, (toAda: TLSSocket) => {
      const toGrace = rawTlsClient(far);
      toAda.pipe(toGrace).pipe(toAda);
      toAda.once("close", () => toGrace.destroy());
      toGrace.once("close", () => toAda.destroy());
    });
    return [dialing(a, dial), accepting(b, accept)];
  }

  it("and is caught by the network key", async () => {
    expect(await outcomes(await deceived(key(NETWORK_KEY), key(NETWORK_KEY)))).toEqual([
      "LEKT_NETWORK_KEY",
      "LEKT_NETWORK_KEY",
    ]);
  });

  it("and is caught by who knows whom to expect", async () => {
    // The other side may hear of nothing, and waits in vain.
    const other = { timeoutMs: 500 };
    const ends = [
      await outcomes(await deceived({ expected: grace.fingerprint }, other)),
      await outcomes(await deceived(other, { expected: ada.fingerprint })),
    ];
    expect(ends).toEqual([
      ["LEKT_PEER_IDENTITY", "LEKT_PATH"],
      ["LEKT_PATH", "LEKT_PEER_IDENTITY"],
    ]);
  });

  it("and is not caught without either: identities are then as good as the server (spec 9.4)", async () => {
    const [toGrace, toAda] = await Promise.all(await deceived({}, {}));
    expect([toGrace?.identity, toAda?.identity]).toEqual([mallory.fingerprint, mallory.fingerprint]);
  });
});

describe("a malformed preamble", () => {
  const vectors = JSON.parse(
    readFileSync(new URL("../../../../spec/vectors/peers.json", import.meta.url), "utf8"),
  ) as { malformed: { name: string; from: "dialing" | "accepting"; hex: string }[] };

  test.each(vectors.malformed)("of the $from side: $name", async ({ from, hex }) => {
    const [a, b] = await memoryPair();
    const bytes = Buffer.from(hex, "hex");
    const isFromDialing = from === "dialing";
    if (isFromDialing) rawTlsClient(a).write(bytes);
    else rawTlsServer(b, {}, (tls) => tls.write(bytes));
    const victim = isFromDialing ? accepting(b) : dialing(a);
    await expect(victim).rejects.toMatchObject({
      code: "LEKT_PATH",
      message: expect.stringContaining("preamble"),
    });
    await closeOf(isFromDialing ? b : a);
  });

  it("that is cut off by the end of the stream", async () => {
    for (const length of [0, 1, 3, 5, 37]) {
      const whole = encodePreamble({
        label: "chat",
        proof: new Uint8Array(32),
        refused: false,
        pulse: false,
      });
      const [a, b] = await memoryPair();
      rawTlsClient(a).end(whole.subarray(0, length));
      expect(await outcomes([accepting(b)])).toEqual(["LEKT_PATH"]);
    }
  });

  it("before a flood makes nobody read the flood", async () => {
    const [a, b] = await tcpPair();
    rawTlsClient(a).write(Buffer.alloc(16 << 20, 0xff));
    expect(await outcomes([accepting(b)])).toEqual(["LEKT_PATH"]);
    await closeOf(b);
    expect((b as Socket).bytesRead).toBeLessThan(2 << 20);
  });
});
