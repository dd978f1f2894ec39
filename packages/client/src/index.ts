export {
  type ConnectionMethod,
  type Endpoint,
  LektError,
  type LektErrorCode,
  type ListeningPorts,
  type MethodReach,
  type MethodReport,
  type NatMapping,
  type PortMappingReport,
  type PortMappingState,
  type UdpPayload,
} from "@lekt/protocol";
export type { ByteStream, Dial, DialTarget, StreamHandlers } from "./byte-stream.ts";
export { join } from "./join.ts";
export type { JoinOptions, Published, RoomUpdate } from "./join-options.ts";
export type { Peer } from "./peer.ts";
export type { PeerEvent } from "./peer-list.ts";
export type { ConnectionHandler, ConnectionOptions, ConnectionRequest } from "./peers/connection-handlers.ts";
export { createIdentity, identityFromPem, identityToPem, type LektIdentity } from "./peers/identity.ts";
export type { AttemptOutcome, PathAttempt, PathTrace } from "./peers/path-trace.ts";
export { PeerConnectError } from "./peers/peer-connect-error.ts";
export type { ConnectOptions, PeerReference } from "./peers/peer-connections.ts";
export type { PeerPath, PeerStream } from "./peers/peer-stream.ts";
export type { Room } from "./room.ts";
export type { RoomEvent, RoomListener, RoomStatus, ServerFacts } from "./room-events.ts";
export { type Lookup, type TcpDialOptions, tcpDial } from "./tcp-stream.ts";
