/** Protocol limits with their defaults; `spec/limits.md` has the reason for each. */

/** The most connection methods that a client may say it knows (spec 3.6). */
export const MAX_KNOWN_METHODS = 1_024;
/** The longest payload of one method (spec 4.5). */
export const MAX_PAYLOAD_BYTES = 4_096;
/** All payloads of one client together (spec 4.5). */
export const MAX_TOTAL_PAYLOAD_BYTES = 16_384;
/** The published payloads of one client together (spec 4.5). */
export const MAX_PUBLISHED_BYTES = 2_048;
/** A Reject's message with its NUL (spec 6.1). */
export const MAX_REJECT_BYTES = 1_024;
/** The server cuts long lists into packets of at most this size; the protocol asks for below 65,536 (spec 5.10). */
export const PACKET_TARGET_BYTES = 32_768;
/** The largest client object that a client takes from a server (spec 5.6). */
export const MAX_OBJECT_BYTES = 65_536;
/** The most peers that a client keeps. */
export const MAX_PEERS = 100_000;
/** The longest hold; larger values count as this one (spec 5.17). */
export const MAX_HOLD_MS = 25_000;
/** Time between heartbeats, by default (spec 5.15). */
export const HEARTBEAT_INTERVAL_MS = 10_000;
/** A client that is silent for so many heartbeat intervals is dropped (spec 5.15). */
export const SILENT_INTERVALS = 3;
/** Handshake and setup together (spec 4.9). */
export const SETUP_TIMEOUT_MS = 10_000;
/** Heartbeats of one client: on average one in so many milliseconds … (spec 5.14) */
export const HEARTBEAT_SPACING_MS = 50;
/** … and so many at once. */
export const HEARTBEAT_BURST = 40;
/** News to one client that set `hold`: on average once in so many milliseconds … (spec 5.17) */
export const NEWS_SPACING_MS = 50;
/** … and so often at once. */
export const NEWS_BURST = 20;
/** The longest payload of a signal (spec 8.1.2). */
export const MAX_SIGNAL_BYTES = 16_384;
/** Signals of one client: on average one in so many milliseconds … (spec 8.1.5) */
export const SIGNAL_SPACING_MS = 20;
/** … and so many at once. */
export const SIGNAL_BURST = 200;
/** So many times as many signals are a flood (spec 8.1.5). */
export const SIGNAL_FLOOD_FACTOR = 10;
/** Signals that wait for one receiver, in bytes of whole packets (spec 8.1.5). */
export const MAX_WAITING_SIGNAL_BYTES = 65_536;
/** After a Reject the server reads and throws away for so long (spec 6.5). */
export const REJECT_LINGER_MS = 1_000;
/** How long an address with several clients may wait until it is listed anew (spec 5.8). */
export const SHARED_ADDRESS_GATHER_MS = 1_000;
/** Changes of one network are encoded once in so many milliseconds. */
export const TICK_MS = 20;
/** How long (spec 5.16) … */
export const HISTORY_MS = 600_000;
/** … and how large the past of one network may be. */
export const HISTORY_BYTES = 64 * 1_024 * 1_024;
/** The past of all networks of a server together (spec 5.16). */
export const TOTAL_HISTORY_BYTES = 256 * 1_024 * 1_024;
/** The longest LEKT URL (spec 2.2). */
export const MAX_URL_LENGTH = 2_048;
