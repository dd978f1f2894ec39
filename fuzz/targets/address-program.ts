import { formatIpv4, formatIpv6 } from "@lekt/protocol";
import type { ByteDealer } from "../engine/fuzz-input.ts";

/** The first and the last address of the blocks that the rules know, and their neighbours are a byte away. */
const EDGES = [
  ...["0.0.0.0", "9.255.255.255", "10.0.0.0", "11.0.0.0", "100.63.255.255", "100.64.0.1", "100.100.100.200"],
  ...["100.127.255.255", "100.128.0.0", "127.0.0.1", "127.255.255.255", "128.0.0.0", "168.63.129.16"],
  ...["169.254.169.254", "172.15.255.255", "172.16.0.0", "172.32.0.0", "192.0.0.192", "192.0.1.0"],
  ...["192.168.1.2", "192.169.0.0", "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
  ...["203.0.113.7", "203.0.113.8", "198.51.100.9", "223.255.255.255", "224.0.0.1", "240.0.0.1"],
  ...[
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::7f00:1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::fffe:10.0.0.1",
  ],
  ...["64:ff9b::a00:1", "64:ff9b:1::a00:1", "1fff::1", "2000::1", "2001::1", "2001:1::1", "2001:db8::7"],
  ...["2001:db8:0:0:0:0:0:7", "2001:DB8::8", "2002:a00:1::", "3fff:ffff::1", "4000::", "fbff::1", "fc00::1"],
  ...["fd00:ec2::254", "fd00:ec3::1", "fd20:ce::254", "fd20:cf::1", "fdff:ffff::1", "fe00::1", "fe80::1"],
  ...["fec0::1", "ff02::1", "fe80::1%eth0", "", "1.2.3", "127.1", "010.0.0.1", "localhost", " 10.0.0.1"],
] as const;

/** One of few addresses, so that the same one comes again; a neighbour; or any, in one of its forms. */
export function dealtAddress(dealer: ByteDealer): string {
  switch (dealer.below(8)) {
    case 0:
      return formatIpv4(dealtU32(dealer));
    case 1:
      return `::ffff:${formatIpv4(dealtU32(dealer))}`;
    case 2: {
      const [high, low] = [dealtU32(dealer) >>> 16, dealer.below(4)];
      return `0:0:0:0:0:FFFF:${high.toString(16)}:${low}`;
    }
    case 3: {
      const bytes = new Uint8Array(16);
      bytes.set(dealer.take(5));
      bytes[15] = dealer.byte();
      return formatIpv6(bytes);
    }
    case 4:
      return `::ffff:${dealer.pick(EDGES)}`;
    default:
      return dealer.pick(EDGES);
  }
}

function dealtU32(dealer: ByteDealer): number {
  return [1, 2, 3, 4].reduce((sum) => sum * 256 + dealer.byte(), 0);
}
