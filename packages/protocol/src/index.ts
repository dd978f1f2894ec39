export { byteKey, concatBytes, equalBytes, fromHex, toHex } from "./bytes.ts";
export {
  type ClientPacket,
  ClientPacketDecoder,
  type ClientPacketDecoderOptions,
  type ClientPhase,
} from "./client-packet-decoder.ts";
export { ClientSession, type ClientSessionEvent, type ClientSessionOptions } from "./client-session.ts";
export { Edition, encodeWord, resumeWord } from "./edition.ts";
export { LEKT_ERROR_CODES, LektError, type LektErrorCode, ProtocolError, rejectErrorCode } from "./errors.ts";
export { HistoryBudget } from "./history-budget.ts";
export {
  type AddressGroup,
  addressGroup,
  formatIpv4,
  formatIpv6,
  parseIpv4,
  parseIpv6,
  pseudoAddress,
  type RosterAddress,
  rosterAddress,
} from "./ip.ts";
export {
  DEFAULT_PORT,
  formatLektUrl,
  fragmentKeys,
  type LektScheme,
  type LektUrl,
  parseLektUrl,
  withoutFragment,
} from "./lekt-url.ts";
export {
  HEARTBEAT_BURST,
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_SPACING_MS,
  HISTORY_BYTES,
  HISTORY_MS,
  MAX_HOLD_MS,
  MAX_KNOWN_METHODS,
  MAX_OBJECT_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_PEERS,
  MAX_PUBLISHED_BYTES,
  MAX_REJECT_BYTES,
  MAX_SIGNAL_BYTES,
  MAX_TOTAL_PAYLOAD_BYTES,
  MAX_URL_LENGTH,
  MAX_WAITING_SIGNAL_BYTES,
  NEWS_BURST,
  NEWS_SPACING_MS,
  PACKET_TARGET_BYTES,
  REJECT_LINGER_MS,
  SETUP_TIMEOUT_MS,
  SHARED_ADDRESS_GATHER_MS,
  SIGNAL_BURST,
  SIGNAL_SPACING_MS,
  SILENT_INTERVALS,
  TICK_MS,
  TOTAL_HISTORY_BYTES,
} from "./limits.ts";
export {
  describeMethod,
  IDENTITY_BYTES,
  isAskedFor,
  isPassedOnUnread,
  isPublished,
  MAX_DATA_BYTES,
  METHOD,
  type MethodDefinition,
  type MethodName,
  methodDefinition,
  setsSignals,
} from "./method-list.ts";
export { type AcceptPacket, encodeAccept } from "./packets/accept.ts";
export { CIRCUIT_TOKEN_BYTES, type CircuitPacket, circuitExpiry, encodeCircuit } from "./packets/circuit.ts";
export {
  type ClientObject,
  encodeClientObject,
  type MethodInfo,
  payloadOf,
} from "./packets/client-object.ts";
export { encodeHandshake, type HandshakePacket } from "./packets/handshake.ts";
export { encodeHeartbeat, type HeartbeatPacket } from "./packets/heartbeat.ts";
export { encodeReject, type RejectPacket, rejectWord } from "./packets/reject.ts";
export { encodeRequest, type RequestPacket } from "./packets/request.ts";
export { encodeResponse, type ResponsePacket } from "./packets/response.ts";
export { encodeSignal, SERVER_IDENTITY, type SignalPacket } from "./packets/signal.ts";
export {
  type AddedClient,
  type AddedPacket,
  encodeEndOfReply,
  encodeUpdates,
  type RemovedAddress,
  type RemovedPacket,
} from "./packets/update.ts";
export {
  decodeListeningPorts,
  type Endpoint,
  encodeListeningPorts,
  type ListeningPorts,
  MAX_ENDPOINTS,
} from "./payloads/endpoints.ts";
export { decodeHold, encodeHold } from "./payloads/hold.ts";
export { decodeServerInfo, encodeServerInfo, type ServerInfo } from "./payloads/server-info.ts";
export { decodeText, MAX_NAME_BYTES, MAX_NETWORK_NAME_BYTES } from "./payloads/text.ts";
export { decodeUdp, encodeUdp, type UdpPayload } from "./payloads/udp.ts";
export { type AddressScope, type ScopedAddress, scopedAddress } from "./peers/address-scope.ts";
export type {
  Cancellation,
  Circuit,
  ConnectionMethod,
  DialAttempt,
  MethodHost,
  NetworkFacts,
  PeerEntry,
  PeerSignal,
  PeerTarget,
  RawPath,
} from "./peers/connection-method.ts";
export { END_FRAME, FrameDecoder, frameHead, MAX_FRAME_BYTES, PULSE_FRAME } from "./peers/frame.ts";
export { identityText } from "./peers/identity-text.ts";
export type {
  MethodReach,
  MethodReport,
  NatMapping,
  PortMappingReport,
  PortMappingState,
} from "./peers/method-report.ts";
export { NETWORK_KEY_BYTES, networkKeyFragment, proofMessage } from "./peers/network-key.ts";
export {
  decodePreamble,
  encodePreamble,
  labelFault,
  type PeerRole,
  type Preamble,
} from "./peers/preamble.ts";
export { type ServiceQuestion, serviceObstacle } from "./peers/service-rules.ts";
export {
  allowedTargets,
  MAX_PACKETS_TO_OTHER_ADDRESS,
  MAX_TARGETS_OF_A_KIND,
  type Reach,
  type RefusedTarget,
  type Target,
  type TargetQuestion,
} from "./peers/target-rules.ts";
export { tlsSide } from "./peers/tls-side.ts";
export { REJECT_WORDS, type RejectReaction, type RejectWord, reactionTo } from "./reject-words.ts";
export { Roster, type RosterOptions } from "./roster.ts";
export { RosterMember, SESSION_BYTES } from "./roster-member.ts";
export type { RosterSnapshot } from "./roster-snapshot.ts";
export { type RosterChange, type RosterEntry, RosterView, type RosterViewOptions } from "./roster-view.ts";
export { safeText } from "./safe-text.ts";
export {
  type ServerPacket,
  ServerPacketDecoder,
  type ServerPacketDecoderOptions,
  type ServerPhase,
} from "./server-packet-decoder.ts";
export {
  type Introduction,
  ServerSession,
  type ServerSessionEffect,
  type ServerSessionOptions,
  type ServerSessionPhase,
} from "./server-session.ts";
export { sha256 } from "./sha256.ts";
export {
  answerBindingRequest,
  type BindingResponse,
  decodeBindingResponse,
  encodeBindingRequest,
} from "./stun/binding.ts";
export { isStunPacket, STUN_TRANSACTION_ID_BYTES } from "./stun/stun-message.ts";
export { UpdateLog, type UpdateLogOptions } from "./update-log.ts";
export { decodeUtf8, encodeUtf8 } from "./utf8.ts";
export { formatVersion, PROTOCOL_VERSION, type Version } from "./version.ts";
