"""A small LEKT 1.0 server on asyncio. Clause numbers refer to protocol.md."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import resource
import signal
import sys
import time
import traceback
from collections import Counter, deque
from dataclasses import dataclass, field, fields
from itertools import count

import lekt_wire as w

SLOW_BYTES_PER_SECOND, SLOW_SECONDS = 4096, 10
"""A slow reader (5.15.3)."""

BEAT = 0.1
"""How often the server looks whether it runs late (5.14.2), in seconds."""


def default_max_clients() -> int:
    """limits.md, maxClients"""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 16_384 if soft == resource.RLIM_INFINITY else max(1, min(16_384, soft - 256))


@dataclass
class Config:
    """limits.md, server; every field is a flag of the command."""

    max_known_methods: int = 1024
    max_payload_bytes: int = 4096
    max_total_payload_bytes: int = 16_384
    max_published_bytes: int = 2048
    max_clients: int = field(default_factory=default_max_clients)
    max_clients_per_network: int = 10_000
    max_clients_per_address: int = 64
    max_connections_per_second: int = 32
    setup_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 10_000
    heartbeats_per_second: int = 20
    heartbeat_burst: int = 40
    hold_max_ms: int = w.HOLD_MAX_MS
    news_per_second: int = 20
    news_burst: int = 20
    tick_ms: int = 20
    shared_address_gather_ms: int = 1000
    reject_linger_ms: int = 1000
    packet_target_bytes: int = 32_768
    history_ms: int = 600_000
    history_bytes: int = 67_108_864
    default_network: bool = True


class Bucket:
    """A bucket of `burst` that refills by `rate` a second (5.14.2)."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.level, self.at = rate, burst, burst, time.monotonic()

    def take(self, grace: float = 0) -> bool:
        """Takes 1 if there is 1; `grace` seconds refill without the cap."""
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * self.rate) + grace * self.rate
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def wait(self) -> float:
        """Seconds until 1 can be taken."""
        return max(0.0, (1 - self.level) / self.rate)


@dataclass(frozen=True)
class Change:
    """A step in the past of a network (5.16). `joined` is the version at which the client came."""

    at: float
    ip: bytes
    joined: int
    client: Connection
    left: bool
    size: int


class Network:
    """The roster of one network (5.2) and its past (5.16)."""

    def __init__(self, name: bytes | None, config: Config) -> None:
        self.name = name
        self.config = config
        self.connections: set[Connection] = set()
        self.per_address: Counter[bytes] = Counter()
        self.members: dict[bytes, dict[Connection, int]] = {}
        self.version = 0
        self._log: list[Change] = []
        self._log_bytes = 0
        self._gathering: dict[bytes, list[Change]] = {}
        self._flushed = 0.0
        self._flush: asyncio.TimerHandle | None = None

    @property
    def floor(self) -> int:
        """The oldest version from which a reply can be made."""
        return self.version - len(self._log)

    def enter(self, client: Connection) -> None:
        """5.2.1: everybody but those who only watch is in the roster."""
        self.connections.add(client)
        self.per_address[client.address_key] += 1
        if not client.watches:
            self._record(client, self.version + 1, left=False)
            self.members.setdefault(client.ip, {})[client] = self.version

    def leave(self, client: Connection) -> None:
        """5.2.2; leaves behind a shared address are gathered (5.8.4)."""
        self.connections.discard(client)
        self.per_address[client.address_key] -= 1
        if not self.per_address[client.address_key]:
            del self.per_address[client.address_key]
        joined = self.members.get(client.ip, {}).pop(client, None)
        if joined is None:
            return
        pending = self._gathering.get(client.ip)
        if not self.members[client.ip]:
            del self.members[client.ip]
        elif pending is not None:
            pending.append(Change(0, client.ip, joined, client, True, 0))
            return
        else:
            self._gather(client.ip)
        self._record(client, joined, left=True)

    def _gather(self, ip: bytes) -> None:
        self._gathering[ip] = []
        asyncio.get_running_loop().call_later(self.config.shared_address_gather_ms / 1000, self._gathered, ip)

    def _gathered(self, ip: bytes) -> None:
        pending = self._gathering.pop(ip)
        for change in pending:
            self._record(change.client, change.joined, left=True)
        if pending and ip in self.members:
            self._gather(ip)

    def _record(self, client: Connection, joined: int, left: bool) -> None:
        size = 64 + len(client.object)
        self._log.append(Change(time.monotonic(), client.ip, joined, client, left, size))
        self._log_bytes += size
        self.version += 1
        self.trim()
        if self._flush is None:
            delay = self._flushed + self.config.tick_ms / 1000 - time.monotonic()
            self._flush = asyncio.get_running_loop().call_later(max(0.0, delay), self._tell)

    def _tell(self) -> None:
        self._flush, self._flushed = None, time.monotonic()
        for client in list(self.connections):
            client.changed()

    def trim(self) -> None:
        """5.16"""
        oldest = time.monotonic() - self.config.history_ms / 1000
        n = 0
        while n < len(self._log) and (self._log[n].at < oldest or self._log_bytes > self.config.history_bytes):
            self._log_bytes -= self._log[n].size
            n += 1
        del self._log[:n]

    def everybody(self) -> list[bytes]:
        return [c.object for clients in self.members.values() for c in clients]

    def since(self, version: int) -> tuple[list[bytes], list[bytes]]:
        """The IPs and the objects of a reply for who knows `version` (5.8)."""
        removed: dict[bytes, None] = {}
        joined: list[Connection] = []
        for change in self._log[version - self.floor :]:
            if not change.left:
                joined.append(change.client)
            elif change.joined <= version:
                removed[change.ip] = None
        added = [c.object for ip in removed for c in self.members.get(ip, ())]
        added += [c.object for c in joined if c.ip not in removed and c in self.members.get(c.ip, ())]
        return list(removed), added


class Connection(asyncio.Protocol):
    """One client, from the connection to its end."""

    def __init__(self, server: Server) -> None:
        config = server.config
        self.server, self.config = server, config
        self.closing = False
        self.network: Network | None = None
        self.decoder = w.ServerDecoder(
            limits=w.ClientLimits(
                config.max_known_methods,
                config.max_payload_bytes,
                config.max_total_payload_bytes,
                config.max_published_bytes,
            )
        )
        self.answers: dict[int, bytes] = {}
        self.ip, self.ipv6, self.object = b"", None, b""
        self.watches = False
        self.hold = 0.0
        self.replied = False
        self.replying = False
        self.seen = 0
        self.quiet_since = time.monotonic()
        self._beats: deque[float] = deque()
        self._rate = Bucket(config.heartbeats_per_second, config.heartbeat_burst)
        self._news = Bucket(config.news_per_second, config.news_burst)
        self._held: asyncio.TimerHandle | None = None
        self._news_due: asyncio.TimerHandle | None = None
        self._queue: deque[bytes] = deque()
        self._writable = True
        self._written = 0
        self._progress: deque[tuple[float, int]] = deque()

    # --- transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.loop = asyncio.get_running_loop()
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        self.server.connections.add(self)
        peer = transport.get_extra_info("peername")
        if peer is None:
            self.closing = True
            transport.abort()
            return
        self.address, self.port = w.real_address(peer[0]), peer[1]
        self.address_key = self.address.packed[:8]
        self.ip, self.ipv6 = w.wire_address(self.address)
        self._deadline = self.loop.call_later(self.config.setup_timeout_ms / 1000, self._too_late)
        if not self.server.admits(self.address_key):
            limit = self.config.max_connections_per_second
            self.reject("rate", f"more than {limit} new connections a second from your address")
        elif len(self.server.active) >= self.config.max_clients:
            self.reject("limit", f"this server is full ({self.config.max_clients} clients)")
        else:
            self.server.active.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._end()
        self.server.connections.discard(self)

    def eof_received(self) -> bool:
        """The end of the client's stream is a leave (5.2.2)."""
        self._end()
        self.loop.call_later(self.config.reject_linger_ms / 1000, self.transport.abort)
        return False

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return  # 6.5: read and throw away
        try:
            self.decoder.push(data)
            while not self.closing and (packet := self.decoder.next()) is not None:
                self._handle(packet)
        except w.WireError as error:
            self.reject(error.kind, error.text)
        except Exception:
            traceback.print_exc()
            self.reject("internal", "something failed in the server")

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._pump()

    def _send(self, *packets: bytes) -> None:
        self._queue.extend(packets)
        self._pump()

    def _pump(self) -> None:
        """Gives the transport a packet at a time, so that a Reject can follow the one under way (6.2)."""
        if self.closing:
            return
        while self._queue and self._writable:
            self._written += len(self._queue[0])
            self.transport.write(self._queue.popleft())
        if self._writable and self.replying:
            self.replying = False
            self.quiet_since = time.monotonic()
            self._next_reply()

    def reject(self, word: str, text: str) -> None:
        """6; closes as 6.5 says."""
        if self.closing:
            return
        self._end()
        self._queue.clear()
        self.transport.write(w.Reject(f"{word}: {text}").encode())
        self.transport.write_eof()
        self.loop.call_later(self.config.reject_linger_ms / 1000, self._hang_up)

    def _hang_up(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _end(self) -> None:
        if self.closing:
            return
        self.closing = True
        self.server.active.discard(self)
        for timer in (self._deadline, self._held, self._news_due):
            if timer:
                timer.cancel()
        if self.network:
            self.server.leave(self)

    # --- handshake and setup

    def _handle(self, packet: w.Packet) -> None:
        match packet:
            case w.Handshake():
                asked = [m for m in packet.methods if self._asks(m)]
                self.decoder.begin_setup(asked)
                self._send(w.Accept().encode(), *(w.Request(m).encode() for m in asked))
            case w.Response() if self.decoder.phase == w.SETUP:
                self.answers[packet.method] = packet.payload
            case w.Response():
                self._charge()  # 4.8
                return
            case w.Heartbeat():
                self._heartbeat()
                return
        if not self.decoder.asked:
            self._finish_setup()

    def _asks(self, method: int) -> bool:
        """4.2.1; a token only from this machine (methods.md, 18)."""
        if method == w.TOKEN and not self.address.is_loopback:
            return False
        return method in w.METHODS and w.METHODS[method].asked

    def _too_late(self) -> None:
        """4.9"""
        seconds = self.config.setup_timeout_ms / 1000
        self.reject("timeout", f"handshake and setup took more than {seconds:g} seconds")

    def _finish_setup(self) -> None:
        """4.7: lets the client in or refuses it."""
        config, name = self.config, self.answers.get(w.NETWORK)
        if name is None and not config.default_network:
            return self.reject("auth", "this server has no default network, name one in the URL")
        network = self.server.network(name)
        if len(network.connections) >= config.max_clients_per_network:
            return self.reject("limit", f"this network is full ({config.max_clients_per_network} clients)")
        if network.per_address[self.address_key] >= config.max_clients_per_address:
            limit = config.max_clients_per_address
            return self.reject("limit", f"too many clients of your address in this network ({limit})")
        methods = {i: p for i, p in self.answers.items() if w.is_published(i)}
        if self.ipv6:
            methods[w.IPV6] = self.ipv6
        self.object = w.ClientObject(self.ip, tuple(sorted(methods.items()))).encode()
        self.watches = w.WATCH in self.answers
        if w.HOLD in self.answers:
            self.hold = min(w.parse_hold(self.answers[w.HOLD]), config.hold_max_ms) / 1000
        self._deadline.cancel()
        self.network = network
        network.enter(self)
        self.decoder.begin_heartbeat()
        self.quiet_since = time.monotonic()
        self._send(w.Request(0).encode())

    # --- heartbeat phase

    def _charge(self) -> bool:
        """5.14.2"""
        if self._rate.take(self.server.late()):
            return True
        self.reject("rate", f"more than {self.config.heartbeats_per_second} heartbeats a second")
        return False

    def _heartbeat(self) -> None:
        if not self._charge():
            return
        self._beats.append(time.monotonic())
        if self._held:
            self._reply()  # 5.17.4
        elif not self.replying:
            self._next_reply()

    def _next_reply(self) -> None:
        """Answers the oldest Heartbeat, or holds the answer (5.17)."""
        if self.closing or not self._beats:
            return
        if not self.replied or not self.hold or len(self._beats) > 1:
            return self._reply()
        left = self._beats[0] + self.hold - time.monotonic()
        if left <= 0:
            return self._reply()
        self._held = self.loop.call_later(left, self._reply)
        self.changed()

    def changed(self) -> None:
        """News for a held reply, as far as their rate allows (5.17.2, 5.17.6)."""
        assert self.network
        if not self._held or self._news_due or self._too_far_behind():
            return
        if not any(self.network.since(self.seen)):
            self.seen = self.network.version
        elif self._news.take():
            self._reply()
        else:
            self._news_due = self.loop.call_later(self._news.wait(), self._news_again)

    def _news_again(self) -> None:
        self._news_due = None
        self.changed()

    def _reply(self) -> None:
        """One reply to the oldest Heartbeat (5.4, 5.8)."""
        assert self.network
        if self._too_far_behind():
            return
        for timer in (self._held, self._news_due):
            if timer:
                timer.cancel()
        self._held = self._news_due = None
        self._beats.popleft()
        packets: list[bytes] = []
        if self.replied:
            removed, added = self.network.since(self.seen)
        else:
            removed, added = [], self.network.everybody()
            if w.SERVER in self.answers:
                packets.append(self._word())
        self.seen = self.network.version
        self.replied = True
        packets += self._updates(b"R", removed) + self._updates(b"A", added)
        packets.append(w.Added(int(time.time())).encode())
        self.replying = True
        self._progress = deque([(time.monotonic(), self._taken())])
        self._send(*packets)

    def _too_far_behind(self) -> bool:
        """5.16"""
        assert self.network
        behind = self.replied and self.seen < self.network.floor
        if behind:
            self.reject("timeout", "too far behind")
        return behind

    def _updates(self, kind: bytes, items: list[bytes]) -> list[bytes]:
        """Splits a list over packets (5.10)."""
        now, packets, part, size = int(time.time()), [], [], 20
        for item in items:
            if part and size + len(item) > self.config.packet_target_bytes:
                packets.append(w.encode_update(kind, now, part))
                part, size = [], 20
            part.append(item)
            size += len(item)
        return packets + ([w.encode_update(kind, now, part)] if part else [])

    def _word(self) -> bytes:
        """5.13 and methods.md, 23 server"""
        seconds = self.config.heartbeat_interval_ms / 1000
        about = {
            "you": {"address": str(self.address), "port": self.port},
            "heartbeatSeconds": int(seconds) if seconds.is_integer() else seconds,
            "relay": None,
            "stun": [],
        }
        payload = json.dumps(about, separators=(",", ":")).encode()
        return w.Added(int(time.time()), (w.ClientObject(w.WORD_IP, ((w.SERVER, payload),)),)).encode()

    def _taken(self) -> int:
        return self._written - self.transport.get_write_buffer_size()

    def watch_over(self, now: float) -> None:
        """Silence, slow readers and the bounded past (5.15, 5.16)."""
        if self.closing or not self.network:
            return
        limit = 3 * self.config.heartbeat_interval_ms / 1000
        if self._too_far_behind():
            return
        if self.replying:
            self._progress.append((now, self._taken()))
            while len(self._progress) > 1 and self._progress[1][0] <= now - SLOW_SECONDS:
                self._progress.popleft()
            start, taken = self._progress[0]
            if now - start >= SLOW_SECONDS and self._taken() - taken < SLOW_BYTES_PER_SECOND * SLOW_SECONDS:
                self.reject("timeout", f"the reply was read at less than {SLOW_BYTES_PER_SECOND} bytes a second")
        elif not self._held and now - self.quiet_since > limit:
            self.reject("timeout", f"no heartbeat for {limit:g} seconds")


class Server:
    """All networks and connections."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.connections: set[Connection] = set()
        self.active: set[Connection] = set()
        self._networks: dict[bytes | None, Network] = {}
        self._recent: dict[bytes, deque[float]] = {}
        self._beat = time.monotonic()

    async def start(self, host: str, port: int) -> int:
        """Listens; gives the port."""
        self._listener = await asyncio.get_running_loop().create_server(lambda: Connection(self), host, port)
        self._task = asyncio.create_task(self._supervise())
        return self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Rejects everybody with `shutdown` and waits until they are gone (6.5)."""
        self._listener.close()
        self._task.cancel()
        for client in list(self.connections):
            client.reject("shutdown", "the server is going down")
        end = time.monotonic() + self.config.reject_linger_ms / 1000 + 0.2
        while self.connections and time.monotonic() < end:
            await asyncio.sleep(0.02)

    def network(self, name: bytes | None) -> Network:
        if name not in self._networks:
            self._networks[name] = Network(name, self.config)
        return self._networks[name]

    def leave(self, client: Connection) -> None:
        network = client.network
        assert network
        network.leave(client)
        if not network.connections:
            del self._networks[network.name]

    def admits(self, key: bytes) -> bool:
        """maxConnectionsPerSecond, counted over the last second."""
        now = time.monotonic()
        times = self._recent.setdefault(key, deque())
        while times and times[0] <= now - 1:
            times.popleft()
        if len(times) >= self.config.max_connections_per_second:
            return False
        times.append(now)
        return True

    def late(self) -> float:
        """For how long the server itself did not read (5.14.2), in seconds."""
        late = time.monotonic() - self._beat - 1.5 * BEAT
        return max(0.0, late)

    async def _supervise(self) -> None:
        pause = min(1.0, self.config.heartbeat_interval_ms / 10_000)
        for beat in count():
            await asyncio.sleep(BEAT)
            now = self._beat = time.monotonic()
            if beat % max(1, round(pause / BEAT)):
                continue
            self._recent = {k: t for k, t in self._recent.items() if t and t[-1] > now - 1}
            for network in list(self._networks.values()):
                network.trim()
            for client in list(self.active):
                client.watch_over(now)


async def serve(args: argparse.Namespace, config: Config) -> None:
    server = Server(config)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = await server.start(args.host, args.port)
    line = json.dumps({"event": "listening", "port": port}) if args.json else f"listening on {args.host}, port {port}"
    print(line, flush=True)
    await stop.wait()
    await server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description="A small LEKT server.")
    parser.add_argument("--host", default="127.0.0.1", type=lambda text: str(ipaddress.ip_address(text)))
    parser.add_argument("--port", default=w.DEFAULT_PORT, type=int, help="0: any free one")
    parser.add_argument("--json", action="store_true")
    config = Config()
    for item in fields(Config):
        flag, value = "--" + item.name.replace("_", "-"), getattr(config, item.name)
        kind = {"action": argparse.BooleanOptionalAction} if isinstance(value, bool) else {"type": int}
        parser.add_argument(flag, default=value, help=f"default {value}", **kind)
    args = parser.parse_args()
    config = Config(**{item.name: getattr(args, item.name) for item in fields(Config)})
    try:
        asyncio.run(serve(args, config))
    except OSError as error:
        print(f"cannot listen: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
