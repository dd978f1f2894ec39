import { connect, isIPv6, type Socket } from "node:net";
import type { Reach, Target } from "@lekt/protocol";
import { aborted } from "../network/cancellation.ts";

/** For each target before the next is tried beside it (RFC 8305, 8: Connection Attempt Delay). */
const HEAD_START_MS = 250;
/** For each target; a packet filter that says nothing would keep the system waiting for minutes. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface ConnectionRaceOptions {
  readonly signal: AbortSignal;
  readonly onStart: (target: Target) => void;
  readonly onFailure: (target: Target, error: Error) => void;
}

/** Dials the targets one after the other, each with a head start; the first connection wins, the others are ended. */
export function connectionRace(targets: readonly Target[], options: ConnectionRaceOptions): Promise<Socket> {
  const { signal } = options;
  if (signal.aborted) return Promise.reject(aborted());
  return new Promise((resolve, reject) => {
    const waiting = inOrder(targets);
    const running = new Set<Socket>();
    let headStart: NodeJS.Timeout | undefined;

    const finish = (winner?: Socket) => {
      clearTimeout(headStart);
      signal.removeEventListener("abort", onAbort);
      for (const socket of running) if (socket !== winner) socket.destroy();
      running.clear();
    };
    const onAbort = () => {
      finish();
      reject(aborted());
    };
    const startNext = () => {
      clearTimeout(headStart);
      const target = waiting.shift();
      if (target) start(target);
      else if (running.size === 0) {
        finish();
        reject(
          new Error(targets.length === 0 ? "it names no address to dial" : "none of its addresses answers"),
        );
      }
    };
    const start = (target: Target) => {
      options.onStart(target);
      const socket = connect({ host: target.address, port: target.port, allowHalfOpen: true, noDelay: true });
      running.add(socket);
      const timeout = setTimeout(
        () => socket.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1_000} s`)),
        CONNECT_TIMEOUT_MS,
      );
      socket.once("close", () => clearTimeout(timeout));
      socket.on("error", (error) => {
        if (!running.delete(socket)) return;
        options.onFailure(target, error);
        startNext();
      });
      socket.once("connect", () => {
        clearTimeout(timeout);
        if (!running.has(socket)) return;
        if (isSelfConnected(socket)) {
          socket.destroy(new Error("nobody listens there"));
          return;
        }
        finish(socket);
        resolve(socket);
      });
      headStart = setTimeout(startNextBeside, HEAD_START_MS);
    };
    const startNextBeside = () => {
      if (waiting.length > 0) startNext();
    };

    signal.addEventListener("abort", onAbort, { once: true });
    startNext();
  });
}

/** A socket that TCP connected with itself, since nobody listens on its port. */
export function isSelfConnected({ localAddress, localPort, remoteAddress, remotePort }: Socket): boolean {
  return localPort === remotePort && localAddress === remoteAddress;
}

/** Few routers bring a packet back in that came from inside: private addresses come first. */
const PREFERENCE: readonly Reach[] = ["private", "roster", "other"];

/** By preference, the families in turn beginning with IPv6 (RFC 8305, 4). */
export function inOrder(targets: readonly Target[]): Target[] {
  const sorted = [...targets].sort((a, b) => PREFERENCE.indexOf(a.reach) - PREFERENCE.indexOf(b.reach));
  const ipv6 = sorted.filter(({ address }) => isIPv6(address));
  const ipv4 = sorted.filter(({ address }) => !isIPv6(address));
  const length = Math.max(ipv6.length, ipv4.length);
  return Array.from({ length }, (_, i) => [ipv6[i], ipv4[i]]).flatMap((pair) => pair.filter((one) => !!one));
}
