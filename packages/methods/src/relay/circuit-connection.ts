import { lookup } from "node:dns";
import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import {
  type Cancellation,
  encodeCircuit,
  LektError,
  rejectErrorCode,
  type ServerPacket,
  ServerPacketDecoder,
  safeText,
} from "@lekt/protocol";
import { formatRelayAddress, type RelayAddress } from "./relay-address.ts";

/** Why an address is not to be connected to, in words; undefined where it may be. */
export type AddressObstacle = (address: string) => string | undefined;

/** A path through which nothing goes is probed after so long, and gone some 10 s later where it is dead. */
const KEEP_ALIVE_DELAY_MS = 5_000;

/**
 * Connects to a relay, shows the token, and waits for the Accept that comes when the other peer is there (spec 8.2).
 * @param obstacleTo asked of each address that the relay's name leads to
 * @throws LektError; nothing is left open then.
 */
export function connectCircuit(
  relay: RelayAddress,
  token: Uint8Array,
  cancellation: Cancellation,
  obstacleTo: AddressObstacle,
): Promise<Socket> {
  const where = formatRelayAddress(relay);
  const obstacle = isIP(relay.host) ? obstacleTo(relay.host) : undefined;
  if (obstacle !== undefined) return Promise.reject(unreachable(where, obstacle));
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...relay,
      lookup: lookupWithout(obstacleTo),
      noDelay: true,
      allowHalfOpen: true,
    });
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    const decoder = new ServerPacketDecoder();
    const finish = () => {
      cancellation.removeEventListener("abort", onAbort);
      socket.off("data", onData).off("error", onError).off("end", onEnd).off("close", onEnd);
    };
    const fail = (error: LektError) => {
      finish();
      // What happens to it from here on is of no interest.
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(new LektError("LEKT_ABORTED", "Connecting by the relay was given up."));
    const onEnd = () =>
      fail(new LektError("LEKT_CONNECTION_LOST", `The relay ${where} ended the connection.`));
    const onError = (cause: Error) => fail(unreachable(where, cause.message, cause));
    const onData = (bytes: Uint8Array) => {
      try {
        const first = firstPacket(decoder, bytes);
        if (!first) return;
        const { packet, rest } = first;
        if (packet.type === "reject") {
          throw new LektError(
            rejectErrorCode(packet.word),
            `The relay refuses: ${safeText(packet.message)}.`,
          );
        }
        finish();
        socket.pause();
        if (rest.length > 0) socket.unshift(rest);
        resolve(socket);
      } catch (error) {
        fail(error as LektError);
      }
    };
    socket.once("connect", () => socket.write(encodeCircuit(token)));
    socket.on("data", onData).on("error", onError).on("end", onEnd).on("close", onEnd);
    cancellation.addEventListener("abort", onAbort, { once: true });
    if (cancellation.aborted) onAbort();
  });
}

/** Names are another one's to give: what they lead to is judged, and those that may not be sent to are left out. */
function lookupWithout(obstacleTo: AddressObstacle): LookupFunction {
  return (host, options, done) =>
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return done(error, []);
      const [first, ...others] = found.filter(({ address }) => obstacleTo(address) === undefined);
      if (!first) return done(new Error(obstacleTo(found[0]?.address ?? "")), []);
      if (options.all) done(null, [first, ...others]);
      else done(null, first.address, first.family);
    });
}

function unreachable(where: string, why: string, cause?: Error): LektError {
  return new LektError("LEKT_CONNECT", `The relay ${where} cannot be reached: ${why}.`, { cause });
}

/** What follows an Accept are the other peer's bytes and must not be decoded. @throws LektError */
function firstPacket(
  decoder: ServerPacketDecoder,
  bytes: Uint8Array,
): { packet: ServerPacket; rest: Uint8Array } | undefined {
  for (let at = 0; at < bytes.length; at++) {
    decoder.push(bytes.subarray(at, at + 1));
    const packet = decoder.next();
    if (packet) return { packet, rest: bytes.subarray(at + 1) };
  }
  return undefined;
}
