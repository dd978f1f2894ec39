import { lookup as dnsLookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { LektError } from "@lekt/protocol";
import type { ByteStream, Dial, DialTarget, StreamHandlers } from "./byte-stream.ts";
import { connectError, type FailedAddress, lookupError, TimedOut } from "./connect-error.ts";

/** The addresses of a name, in the order in which they are to be tried. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface TcpDialOptions {
  /** Default: what the system says, in its order. */
  readonly lookup?: Lookup;
  /** Peers may be dialled from the same local port (spec 9.6.3). Default: false, as such ports are fewer. */
  readonly sharedPort?: boolean;
}

/** A connection through which nothing goes is probed after so long; the heartbeats find out sooner. */
const KEEP_ALIVE_DELAY_MS = 30_000;

/** Dials TCP: the addresses of the name in turn, each for an equal share of the time that is left. */
export function tcpDial(options: TcpDialOptions = {}): Dial {
  const lookup = options.lookup ?? systemLookup;
  return async (target) => {
    const endMs = performance.now() + target.timeoutMs;
    const addresses = await addressesOf(target, lookup);
    const failed: FailedAddress[] = [];
    for (const [i, address] of addresses.entries()) {
      const shareMs = Math.max(1, (endMs - performance.now()) / (addresses.length - i));
      try {
        return new TcpStream(await connectTo(address, target, shareMs, options.sharedPort ?? false));
      } catch (error) {
        throwIfAborted(target.signal);
        failed.push({ address, error: error as Error });
      }
    }
    throw connectError(target.host, target.port, failed);
  };
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await dnsLookup(host, { all: true });
  return found.map(({ address }) => address);
}

async function addressesOf(target: DialTarget, lookup: Lookup): Promise<readonly string[]> {
  const { host, port, timeoutMs, signal } = target;
  if (isIP(host)) return [host];
  try {
    const addresses = await within<readonly string[]>(timeoutMs, signal, (settle, fail) => {
      lookup(host).then(settle, fail);
      return () => {};
    });
    if (addresses.length > 0) return [...new Set(addresses)];
  } catch (error) {
    throwIfAborted(signal);
    throw lookupError(host, port, error as Error);
  }
  throw lookupError(host, port, Object.assign(new Error("no address"), { code: "ENOTFOUND" }));
}

function connectTo(
  address: string,
  { port, signal }: DialTarget,
  timeoutMs: number,
  sharedPort: boolean,
): Promise<Socket> {
  return within(timeoutMs, signal, (settle, fail) => {
    const socket = connect({ host: address, port, noDelay: true, ...(sharedPort && anyAddress(address)) });
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.once("error", fail);
    socket.once("connect", () => {
      if (!isSelfConnected(socket)) settle(socket);
      else socket.destroy(Object.assign(new Error("nobody listens there"), { code: "ECONNREFUSED" }));
    });
    return () => socket.destroy();
  });
}

/** Node.js sets SO_REUSEADDR, which both sockets on one port need, only where it is told an address to bind to. */
function anyAddress(address: string): { localAddress: string } {
  return { localAddress: isIP(address) === 6 ? "::" : "0.0.0.0" };
}

/**
 * Where nobody listens on a port of this machine that the system also gives to outgoing connections, TCP
 * may connect a socket with itself; and as long as it does, no server can listen there.
 */
function isSelfConnected({ localAddress, localPort, remoteAddress, remotePort }: Socket): boolean {
  return localPort === remotePort && localAddress === remoteAddress;
}

/** Runs `start` until it settles or fails; where the time is over or the signal fires before that, undoes it. */
function within<T>(
  timeoutMs: number,
  signal: AbortSignal,
  start: (settle: (value: T) => void, fail: (error: Error) => void) => () => void,
): Promise<T> {
  throwIfAborted(signal);
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    const undo = start(
      (value) => {
        finish();
        resolve(value);
      },
      (error) => {
        finish();
        reject(error);
      },
    );
    const giveUp = (error: Error) => {
      finish();
      undo();
      reject(error);
    };
    const timer = setTimeout(() => giveUp(new TimedOut(timeoutMs)), timeoutMs);
    const onAbort = () => giveUp(aborted(signal));
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw aborted(signal);
}

function aborted(signal: AbortSignal): LektError {
  return new LektError("LEKT_ABORTED", "Connecting was aborted.", { cause: signal.reason });
}

class TcpStream implements ByteStream {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly #socket: Socket;
  #error: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // A closed socket no longer knows them.
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
    socket.on("error", (error) => {
      this.#error = error;
    });
  }

  open(handlers: StreamHandlers): void {
    const socket = this.#socket;
    if (socket.closed) {
      queueMicrotask(() => handlers.onClose(this.#error));
      return;
    }
    socket.on("data", (bytes: Buffer) => handlers.onData(bytes));
    socket.on("end", () => handlers.onEnd());
    socket.on("close", () => handlers.onClose(this.#error));
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
