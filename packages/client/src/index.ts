export {
  type Endpoint,
  LektError,
  type LektErrorCode,
  type ListeningPorts,
  type UdpPayload,
} from "@lekt/protocol";
export type { ByteStream, Dial, DialTarget, StreamHandlers } from "./byte-stream.ts";
export { join } from "./join.ts";
export type { JoinOptions, Published, RoomUpdate } from "./join-options.ts";
export type { Peer } from "./peer.ts";
export type { PeerEvent } from "./peer-list.ts";
export { createIdentity, identityFromPem, identityToPem, type LektIdentity } from "./peers/identity.ts";
export type { Room } from "./room.ts";
export type { RoomEvent, RoomListener, RoomStatus, ServerFacts } from "./room-events.ts";
export { type Lookup, type TcpDialOptions, tcpDial } from "./tcp-stream.ts";
