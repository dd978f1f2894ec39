import { concatBytes, encodeHandshake, encodeResponse, encodeUtf8, METHOD, toHex } from "@lekt/protocol";
import { describe, expect, it } from "vitest";
import { about, join, lekt, RunningLekt, serve } from "./lekt-process.ts";

describe("what is published may be replaced", () => {
  it("join --data - shows each line of stdin to the others", async () => {
    const server = await serve();
    const ada = await join(server.url, "ada");
    const sensor = new RunningLekt(["join", server.url, "--name", "sensor", "--data", "-"]);
    await ada.event("joined", about("sensor"));
    sensor.child.stdin.write("21.5 °C\n");
    expect(await ada.event("updated", about("sensor"))).toMatchObject({
      peer: { data: { text: "21.5 °C" } },
    });
    sensor.child.stdin.end("21.6 °C\n");
    expect(await ada.event("updated", about("sensor"))).toMatchObject({
      peer: { data: { text: "21.6 °C" } },
    });
    // The end of the input ends nothing else.
    expect((await lekt(["peers", server.url])).stdout).toContain("sensor");
    expect((await sensor.end("SIGINT")).code).toBe(0);
    await ada.event("left", about("sensor"));
  });

  it.each([
    ["data that was set", METHOD.data, 0],
    ["a name that was not set", METHOD.name, 1],
    ["a network, which is private", METHOD.network, 1],
  ])("decode judges a response behind the heartbeats: %s", async (_, method, code) => {
    const { network, data, update } = METHOD;
    const setup = [
      encodeHandshake(28, [network, data, update]),
      encodeResponse(network, encodeUtf8("x")),
      encodeResponse(data, encodeUtf8("old")),
      encodeResponse(update, new Uint8Array(0)),
    ];
    const heartbeat = "4c454b54480100000000000069c47700";
    const input = `${toHex(concatBytes(setup))}${heartbeat}${toHex(encodeResponse(method, encodeUtf8("new")))}`;
    const decoded = await lekt(["decode", "-"], { input });
    expect(decoded.code).toBe(code);
    if (code === 1) expect(decoded.stderr).toContain("in the heartbeat phase");
  });
});
