import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type Duplex, Transform } from "node:stream";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import { encodePreamble } from "@lekt/protocol";
import { describe, expect, it, test } from "vitest";
import { selfSignedCertificate } from "../../src/peers/self-signed-certificate.ts";
import { memoryPair, RAW_PAIRS, tcpPair } from "./raw-paths.ts";
import {
  accepting,
  bothSides,
  dialing,
  mallory,
  NETWORK_KEY,
  outcomes,
  rawTlsClient,
  rawTlsServer,
} from "./secured-peers.ts";

/** What a forger says once TLS stands, as a peer would. */
const PREAMBLE = encodePreamble({ label: "", proof: undefined, refused: false, pulse: false });

/** How a side ends whose peer was a forger, and that the path is closed then. */
async function caught(side: Promise<unknown>, raw: Duplex): Promise<string> {
  const error = await side.then(
    () => expect.fail("the forger was taken for a peer"),
    (error) => error,
  );
  expect(error.name).toBe("LektError");
  if (!raw.closed) await once(raw, "close");
  return error.code;
}

describe("somebody else than expected", () => {
  it("accepts", async () => {
    const sides = bothSides(await tcpPair(), { expected: mallory.fingerprint });
    expect(await outcomes(sides)).toEqual(["LEKT_PEER_IDENTITY", "LEKT_PATH"]);
  });

  it("dials", async () => {
    const sides = bothSides(await tcpPair(), {}, { expected: mallory.fingerprint });
    expect(await outcomes(sides)).toEqual(["LEKT_PATH", "LEKT_PEER_IDENTITY"]);
  });

  it("is named in the message", async () => {
    const [a, b] = await tcpPair();
    const other = accepting(b).catch(() => {});
    await expect(dialing(a, { expected: mallory.fingerprint })).rejects.toThrow(
      /^The peer is \S{24}, and not \S{24} as expected/,
    );
    await other;
  });
});

describe.each(RAW_PAIRS)("a forger, over $kind,", ({ rawPair }) => {
  test.each([
    { what: "shows no certificate", code: "LEKT_PEER_IDENTITY", tls: { cert: undefined, key: undefined } },
    { what: "speaks another protocol", code: "LEKT_PATH", tls: { ALPNProtocols: ["h2"] } },
    { what: "names no protocol", code: "LEKT_PATH", tls: { ALPNProtocols: undefined } },
    { what: "has TLS 1.2 only", code: "LEKT_PATH", tls: { maxVersion: "TLSv1.2" as const } },
  ])("begins TLS and $what", async ({ code, tls }) => {
    const [a, b] = await rawPair();
    rawTlsClient(a, tls as ConnectionOptions).write(PREAMBLE);
    expect(await caught(accepting(b), b)).toBe(code);
  });

  test.each([
    { what: "speaks another protocol", tls: { ALPNProtocols: ["h2"] } },
    { what: "names no protocol", tls: { ALPNProtocols: undefined } },
    { what: "has TLS 1.2 only", tls: { maxVersion: "TLSv1.2" as const } },
  ])("answers TLS and $what", async ({ tls }) => {
    const [a, b] = await rawPair();
    rawTlsServer(b, tls as TlsOptions, (socket) => socket.write(PREAMBLE));
    expect(await caught(dialing(a), a)).toBe("LEKT_PATH");
  });

  it("speaks no TLS at all", async () => {
    for (const first of ["GET / HTTP/1.1\r\n\r\n", "LEKTH\u0001\0\0", "\u0016\u0003\u0001\uffff"]) {
      const [a, b] = await rawPair();
      a.on("error", () => {}).end(first);
      expect(await caught(accepting(b), b)).toBe("LEKT_PATH");
      const [c, d] = await rawPair();
      d.on("error", () => {}).end(first);
      expect(await caught(dialing(c), c)).toBe("LEKT_PATH");
    }
  });

  it("ends before TLS stands, and gives its place back at once", async () => {
    for (const first of ["", "\u0016\u0003\u0001"]) {
      const [a, b] = await rawPair();
      a.on("error", () => {}).end(first);
      await expect(accepting(b)).rejects.toMatchObject({ message: expect.stringContaining("cut off") });
      const [c, d] = await rawPair();
      d.on("error", () => {}).end(first);
      await expect(dialing(c)).rejects.toMatchObject({ message: expect.stringContaining("cut off") });
    }
  });

  it("waits for TLS to begin, as we do, and both notice", async () => {
    const sides = bothSides(await rawPair(), { tls: "server", timeoutMs: 200 }, { timeoutMs: 200 });
    expect(await outcomes(sides)).toEqual(["LEKT_PATH", "LEKT_PATH"]);
  });

  it("begins TLS, as we do, and both notice", async () => {
    const sides = bothSides(await rawPair(), {}, { tls: "client" });
    expect(await outcomes(sides)).toEqual(["LEKT_PATH", "LEKT_PATH"]);
  });
});

test("a path that ends right behind the handshake is cut off, and shows nothing of who it was", async () => {
  const [a, near] = await memoryPair();
  const [far, b] = await memoryPair();
  far.pipe(near);
  let flights = 0;
  near.on("data", (flight) => {
    far.write(flight);
    if (++flights === 2) far.end();
  });
  rawTlsClient(a);
  await expect(accepting(b)).rejects.toMatchObject({
    code: "LEKT_PATH",
    message: expect.stringContaining("cut off"),
  });
});

test("a key of another kind than P-256 is not taken", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const cert = new X509Certificate(selfSignedCertificate(publicKey, privateKey)).toString();
  const forged = { cert, key: privateKey.export({ format: "pem", type: "pkcs8" }) };
  const [a, b] = await tcpPair();
  rawTlsClient(a, forged).write(PREAMBLE);
  // Asked for a signature that it cannot make, it shows no certificate.
  expect(await caught(accepting(b), b)).toBe("LEKT_PEER_IDENTITY");
  const [c, d] = await tcpPair();
  rawTlsServer(d, forged, (tls) => tls.write(PREAMBLE));
  expect(await caught(dialing(c), c)).toBe("LEKT_PATH");
});

it("gives nobody a session to come back with", async () => {
  const sessions: Buffer[] = [];
  const visit = async (session?: Buffer) => {
    const [a, b] = await tcpPair();
    const tls = rawTlsClient(a, session ? { session } : {});
    tls.on("session", (given) => sessions.push(given));
    tls.write(PREAMBLE);
    const { identity, stream } = await accepting(b);
    expect(identity).toEqual(mallory.fingerprint);
    stream.end();
    tls.resume();
    await once(tls, "end");
    return tls.isSessionReused();
  };
  expect(await visit()).toBe(false);
  expect(sessions.length).toBeGreaterThan(0);
  for (const session of sessions.slice()) expect(await visit(session)).toBe(false);
});

test("bytes that are changed on the way are never delivered", async () => {
  const message = "pay 10 to grace";
  const runs = Array.from({ length: 60 }, async (_, i) => {
    const [a, near] = await memoryPair();
    const [far, b] = await memoryPair();
    // Handshake, preambles and message take some 1,500 bytes in each direction.
    far.pipe(flippingBit(i % 2 === 0 ? i * 25 : -1)).pipe(near);
    near.pipe(flippingBit(i % 2 === 1 ? i * 25 : -1)).pipe(far);
    const options = { timeoutMs: 1_500, networkKey: NETWORK_KEY };
    const got: string[] = [];
    const sides = bothSides([a, b], options, options).map(async (side) => {
      const { stream } = await side;
      stream.on("error", () => {});
      stream.on("data", (bytes) => got.push(String(bytes)));
      stream.write(message);
      await once(stream, "close", { signal: AbortSignal.timeout(1_500) }).catch(() => {});
    });
    await Promise.allSettled(sides);
    for (const end of [a, b, near, far]) end.destroy();
    return got;
  });
  const delivered = (await Promise.all(runs)).flat();
  expect(delivered.filter((text) => text !== message)).toEqual([]);
});

function flippingBit(at: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const bytes = Buffer.from(chunk);
      const index = at - seen;
      if (index >= 0 && index < bytes.length) bytes.writeUInt8(bytes.readUInt8(index) ^ 0x10, index);
      seen += bytes.length;
      done(null, bytes);
    },
  });
}
