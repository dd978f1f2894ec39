import { describe, expect, it } from "vitest";
import {
  MAX_PACKETS_TO_STRANGER,
  MAX_PACKETS_TO_STRANGERS,
  STRANGER_WINDOW_MS,
  StrangerPackets,
} from "../../src/udp/stranger-packets.ts";

describe("packets to public addresses that are no roster's", () => {
  it("are so many to one of them, for all attempts together, until the time is over", () => {
    const packets = new StrangerPackets();
    expect(packets.take("203.0.113.66", MAX_PACKETS_TO_STRANGER - 3, 0)).toBe(MAX_PACKETS_TO_STRANGER - 3);
    expect(packets.take("203.0.113.66", 5, 1)).toBe(3);
    expect(packets.take("203.0.113.66", 5, STRANGER_WINDOW_MS - 1)).toBe(0);
    expect(packets.take("203.0.113.67", 5, STRANGER_WINDOW_MS - 1)).toBe(5);
    expect(packets.take("203.0.113.66", 5, STRANGER_WINDOW_MS)).toBe(5);
  });

  it("count together for the /64 of an IPv6 address", () => {
    const packets = new StrangerPackets();
    for (let i = 0; i < MAX_PACKETS_TO_STRANGER; i++) {
      expect(packets.take(`2001:db8::${i.toString(16)}`, 1, 0)).toBe(1);
    }
    expect(packets.take("2001:db8::ffff", 1, 0)).toBe(0);
    expect(packets.take("2001:db8:0:1::1", 1, 0)).toBe(1);
  });

  it("are so many to all of them", () => {
    const packets = new StrangerPackets();
    let sent = 0;
    for (let i = 0; sent < MAX_PACKETS_TO_STRANGERS; i++) {
      sent += packets.take(`203.0.${i >> 8}.${i & 255}`, 5, 0);
    }
    expect(sent).toBe(MAX_PACKETS_TO_STRANGERS);
    expect(packets.take("198.51.100.1", 5, 0)).toBe(0);
  });
});
