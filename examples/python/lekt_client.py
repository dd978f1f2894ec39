"""A LEKT 1.0 client, as a library and as a command. Clause numbers refer to protocol.md."""

from __future__ import annotations

import argparse
import json
import math
import random
import select
import signal
import socket
import sys
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import lekt_wire as w

CONNECT_TIMEOUT = 10.0
HEARTBEAT_INTERVAL = 10.0
MIN_GAP = 0.05
"""At least so long from Heartbeat to Heartbeat, so that 20 a second are never passed (5.14.2)."""
UNHELD_GAP = 1.0
"""From the end of a reply without news that was not held to the next Heartbeat (5.17.7)."""
MAX_PEERS = 100_000
MAX_MOVES = 3
RETRY_BASE, RETRY_CAP = 0.25, 30.0

Event = dict[str, Any]


class LektError(Exception):
    """A failure with its code of errors.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Rejected(LektError):
    """The server closed with a Reject (6)."""

    def __init__(self, reject: w.Reject) -> None:
        super().__init__(f"LEKT_REJECT_{reject.word.upper()}", reject.message)
        self.word = reject.word
        self.text = reject.text


TRY_AGAIN = {"LEKT_CONNECT", "LEKT_TIMEOUT", "LEKT_CONNECTION_LOST"} | {
    f"LEKT_REJECT_{word}" for word in ("LIMIT", "RATE", "TIMEOUT", "SHUTDOWN", "INTERNAL")
}
TRY_AGAIN_LATER = {"LEKT_NOT_LEKT", "LEKT_PROTOCOL"}
"""Final on the first connection, tried again after one that finished its setup (errors.md)."""


class Roster:
    """The multiset of 5.9.2, with the reply that is being read on top of it (5.4.3)."""

    def __init__(self) -> None:
        self.token = b""
        """What this roster can be resumed with; empty where it cannot (5.19.1)."""
        self._peers: dict[bytes, list[w.ClientObject]] = {}
        self._draft: dict[bytes, list[w.ClientObject]] = {}
        self.draft_size = 0
        self._next_token: bytes | None = None
        self._begun = False
        """The connection's first reply has shown where it starts (5.19.2)."""
        self._by_session: dict[bytes | None, w.ClientObject] | None = None
        """Made for the first word about sessions in a reply."""

    def __iter__(self) -> Iterator[w.ClientObject]:
        return (plain(peer) for peers in self._peers.values() for peer in peers)

    def apply(self, packet: w.Added | w.Removed) -> None:
        """5.8.1"""
        if isinstance(packet, w.Removed):
            for ip in packet.ips:
                self._begun = True
                if ip in self._draft or ip in self._peers:
                    self.draft_size -= len(self._touch(ip))
                    self._draft[ip] = []
            return
        for peer in packet.clients:
            if peer.ip == w.WORD_IP:
                self._word(peer)
                continue
            self._begun = True
            self._touch(peer.ip).append(peer)
            self.draft_size += 1
            if self._by_session is not None:
                self._by_session[peer.get(w.SESSION)] = peer

    def forget(self) -> None:
        """A new connection starts from the empty roster (5.3); what is shown stays until its first reply."""
        self._draft = {ip: [] for ip in self._peers}
        self.draft_size = 0
        self._next_token = self._by_session = None
        self._begun = False

    def commit(self) -> tuple[list[w.ClientObject], list[w.ClientObject]]:
        """The end of a reply: who left and who joined (5.9), whatever their sessions (5.9.5)."""
        if self._draft or self._next_token is not None:
            self.token = self._next_token or b""
        left: list[w.ClientObject] = []
        joined: list[w.ClientObject] = []
        for ip, after in self._draft.items():
            before = self._peers.pop(ip, [])
            if after:
                self._peers[ip] = after
            were, are = Counter(map(plain, before)), Counter(map(plain, after))
            left += (were - are).elements()
            joined += (are - were).elements()
        self._draft = {}
        self._next_token = self._by_session = None
        self._begun = True
        return left, joined

    def _word(self, word: w.ClientObject) -> None:
        """Words from the server are not peers (5.13)."""
        if (gone := word.get(w.SESSION)) is not None:
            self._begun = True
            for at in range(0, len(gone) - 7, 8):
                self._gone(gone[at : at + 8])
        if (token := word.get(w.RESUME)) is not None:
            if self._begun:
                self._next_token = token
            elif token and token == self.token:
                self._draft = {}
                self.draft_size = sum(map(len, self._peers.values()))
            self._begun = True

    def _gone(self, session: bytes) -> None:
        """5.8.5; a session that nobody has changes nothing (5.8.7)."""
        if self._by_session is None:
            there = (self._peers | self._draft).values()
            self._by_session = {peer.get(w.SESSION): peer for peers in there for peer in peers}
        peer = self._by_session.pop(session, None)
        if peer and peer in (peers := self._touch(peer.ip)):
            peers.remove(peer)
            self.draft_size -= 1

    def _touch(self, ip: bytes) -> list[w.ClientObject]:
        if ip not in self._draft:
            self._draft[ip] = list(self._peers.get(ip, ()))
        return self._draft[ip]


def plain(peer: w.ClientObject) -> w.ClientObject:
    """What a client published, without its session."""
    return w.ClientObject(peer.ip, tuple((i, p) for i, p in peer.methods if i != w.SESSION))


def readable(index: int, payload: bytes | None) -> Any:
    """A payload's value, or None where it cannot be read (5.6.4)."""
    try:
        return None if payload is None else w.METHODS[index].parse(payload)
    except w.PayloadError:
        return None


def describe(peer: w.ClientObject) -> dict[str, Any]:
    """A peer for people and for JSON. `address` is the one to dial, or None (5.12.2)."""
    ipv6 = readable(w.IPV6, peer.get(w.IPV6)) if w.is_pseudo(peer.ip) else None
    tcp = readable(w.TCP, peer.get(w.TCP))
    data = peer.get(w.DATA)
    address = w.ipv6_text(ipv6) if ipv6 else None if w.is_pseudo(peer.ip) else w.ip_text(peer.ip)
    return {
        "address": address,
        "ip": w.ip_text(peer.ip),
        "name": readable(w.NAME, peer.get(w.NAME)),
        "tcp": tcp.port if tcp else None,
        "endpoints": [list(e) for e in tcp.endpoints] if tcp else [],
        "data": None if data is None else data.hex(),
        "methods": [[i, p.hex()] for i, p in peer.methods],
    }


def harmless(text: str) -> str:
    """Text of strangers with control, bidirectional and invisible characters made visible (6.1.4)."""
    return "".join(
        f"\\u{{{ord(c):x}}}" if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" else c for c in text
    )


class Client:
    """One place in one network.

    `methods` maps the numbers of methods.md to this client's payloads; the network comes from the URL.
    """

    def __init__(self, url: str, methods: dict[int, bytes] | None = None, retry: bool = False) -> None:
        self.methods = dict(methods or {})
        self.retry = retry
        self.roster = Roster()
        self.server: dict[str, Any] = {}
        self._go_to(url, "LEKT_URL")
        for index, payload in self.methods.items():
            try:
                w.check_payload(index, payload)
            except w.PayloadError as error:
                raise LektError("LEKT_OPTION", f"{w.label(index)}: {error}") from None
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._moves = 0
        self._worked = False

    @property
    def peers(self) -> list[dict[str, Any]]:
        return [describe(peer) for peer in self.roster]

    def connect(self) -> None:
        """Handshake and setup, following `moved` (6.4.2)."""
        while True:
            try:
                self._open()
                self._setup()
            except Rejected as error:
                self._drop()
                if error.word != "moved":
                    raise
                self._move(error)
                continue
            except BaseException:
                self._drop()
                raise
            self._moves = 0
            self._worked = True
            return

    def run(self, on_event: Callable[[Event], None], seconds: float = math.inf) -> None:
        """Keeps the roster up to date until `close`, an error, or the end of the time."""
        end = time.monotonic() + seconds
        attempt = 0
        while not self._closed.is_set() and time.monotonic() < end:
            try:
                if self._socket is None:
                    self.connect()
                attempt = 0
                on_event({"event": "ready"})
                self._beat(on_event, end)
                return
            except LektError as error:
                self._drop()
                if self._closed.is_set():
                    return
                if isinstance(error, Rejected) and error.word == "moved":
                    self._move(error)
                    continue
                again = error.code in TRY_AGAIN or self._worked and error.code in TRY_AGAIN_LATER
                if not self.retry or not again:
                    raise
                on_event(error_event(error))
                wait = random.uniform(0, min(RETRY_CAP, RETRY_BASE * 2 ** min(attempt, 20)))
                attempt += 1
                self._closed.wait(min(wait, max(0.0, end - time.monotonic())))

    def close(self) -> None:
        """Leaves (5.2.2); `run` returns. May be called from another thread."""
        self._closed.set()
        if sock := self._socket:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # --- connection

    def _go_to(self, text: str, code: str) -> None:
        try:
            url = w.parse_url(text)
            if url.reserved:
                raise w.UrlError("this version opens neither other schemes than lekt nor fragments")
        except w.UrlError as error:
            raise LektError(code, f"{text}: {error}") from None
        self._url = url

    def _move(self, reject: Rejected) -> None:
        self._moves += 1
        if self._moves > MAX_MOVES:
            raise LektError("LEKT_MOVED_TOO_OFTEN", f"more than {MAX_MOVES} servers in a row sent this client on")
        try:
            self._go_to(reject.text, reject.code)
        except LektError:
            raise reject from None

    def _open(self) -> None:
        """Connects by the first address that answers, and sends the Handshake (3.1)."""
        self._offered = dict(self.methods)
        if self._url.network is not None:
            self._offered[w.NETWORK] = self._url.network.encode("utf-8")
        if w.RESUME in self._offered:
            self._offered[w.RESUME] = self.roster.token
        end = time.monotonic() + CONNECT_TIMEOUT
        where = f"{self._url.host}, port {self._url.port}"
        fault: Exception = OSError("no address")
        try:
            found = socket.getaddrinfo(self._url.host, self._url.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise LektError("LEKT_CONNECT", f"{where}: {error}") from None
        if w.TOKEN in self._offered and not all(w.real_address(a[4][0]).is_loopback for a in found):
            raise LektError("LEKT_TOKEN_INSECURE", f"{where}: a token is sent to this machine only")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(max(0.01, end - time.monotonic()))
                sock.connect(address)
                sock.settimeout(CONNECT_TIMEOUT)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket = sock
                break
            except OSError as error:
                sock.close()
                fault = error
        else:
            raise LektError("LEKT_CONNECT", f"{where}: {fault}")
        self._decoder = w.ClientDecoder(offered=self._offered, max_peers=MAX_PEERS)
        self._asked: set[int] = set()
        self.roster.forget()
        known = max(self._offered, default=0)
        self._send(w.Handshake(known, tuple(sorted(self._offered))).encode())

    def _setup(self) -> None:
        """3.8 to 4.7"""
        end = time.monotonic() + CONNECT_TIMEOUT
        while True:
            while (packet := self._next()) is not None:
                if isinstance(packet, w.Request):
                    if packet.method == 0:
                        return
                    self._asked.add(packet.method)
                    self._send(w.Response(packet.method, self._offered[packet.method]).encode())
            if not self._wait(end) or time.monotonic() > end:
                raise LektError("LEKT_TIMEOUT", f"no end of the setup within {CONNECT_TIMEOUT:g} seconds")

    def _next(self) -> w.Packet | None:
        try:
            packet = self._decoder.next()
        except w.WireError as error:
            raise LektError(error.kind, f"{error.text} (at byte {error.offset})") from None
        if isinstance(packet, w.Reject):
            raise Rejected(packet)
        return packet

    def _wait(self, end: float) -> bool:
        """Waits for bytes until `end`; False where none came."""
        assert self._socket
        timeout = min(max(0.0, end - time.monotonic()), 3600)
        try:
            if not select.select([self._socket], [], [], timeout)[0]:
                return False
            data = self._socket.recv(65_536)
        except (OSError, ValueError) as error:
            raise LektError("LEKT_CONNECTION_LOST", f"the connection ended: {error}") from None
        if not data:
            raise LektError("LEKT_CONNECTION_LOST", "the server closed the connection")
        self._decoder.push(data)
        return True

    def _send(self, data: bytes) -> None:
        """A failure shows at the next read, behind a Reject that may be there already (6.2)."""
        assert self._socket
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise LektError("LEKT_TIMEOUT", "the server does not read") from None
        except OSError:
            pass

    def _drop(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    # --- heartbeat phase

    @property
    def _hold(self) -> float:
        """The time in seconds for which this server may hold a reply (5.17)."""
        if w.HOLD not in self._asked:
            return 0.0
        return w.effective_hold(w.parse_hold(self._offered[w.HOLD])) / 1000

    @property
    def _interval(self) -> float:
        """5.15.1"""
        seconds = self.server.get("heartbeatSeconds")
        usable = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds < math.inf
        return min(float(seconds), 86_400.0) if usable else HEARTBEAT_INTERVAL

    def _beat(self, on_event: Callable[[Event], None], end: float) -> None:
        """5.14, 5.15, 5.18"""
        self.server = {}
        next_beat = heard = time.monotonic()
        outstanding = news = False
        ended = w.RESUME in self._asked
        while not self._closed.is_set() and (now := time.monotonic()) < end:
            if not outstanding and now >= next_beat:
                self._send(w.Heartbeat(int(time.time())).encode())
                outstanding, beat_at, heard = True, now, now
            while (packet := self._next()) is not None:
                if not self._update(packet):
                    news = True
                    continue
                ended = True
                if outstanding:
                    outstanding = False
                    next_beat = self._next_beat(beat_at, news)
                news = False
                self._report(on_event)
            patience = (3 if ended else 1) * self._interval + self._hold
            due = heard + patience if outstanding else next_beat
            if self._wait(min(due, end)):
                heard = time.monotonic()
            elif outstanding and time.monotonic() >= due:
                if ended:
                    raise LektError("LEKT_TIMEOUT", f"the server was silent for {patience:g} seconds")
                outstanding = False
                next_beat = time.monotonic()
                self._report(on_event)

    def _next_beat(self, beat_at: float, news: bool) -> float:
        """When to ask again after a reply (5.15.1, 5.17.5); a server that does not hold is asked less (5.17.7)."""
        if not self._hold:
            return beat_at + self._interval
        now = time.monotonic()
        unheld = not news and now - beat_at < self._hold / 2
        return now + UNHELD_GAP if unheld else beat_at + MIN_GAP

    def _update(self, packet: w.Packet) -> bool:
        """Takes an update; True at the end of a reply (5.4.1)."""
        assert isinstance(packet, (w.Added, w.Removed))
        if isinstance(packet, w.Added):
            if not packet.clients:
                return True
            for word in packet.clients:
                if word.ip == w.WORD_IP and (payload := word.get(w.SERVER)) is not None:
                    try:
                        self.server = w.parse_server_object(payload)
                    except w.PayloadError:
                        pass
        self.roster.apply(packet)
        if self.roster.draft_size > MAX_PEERS:
            raise LektError("LEKT_ROSTER_LIMIT", f"the network has more than {MAX_PEERS} peers")
        return False

    def _report(self, on_event: Callable[[Event], None]) -> None:
        left, joined = self.roster.commit()
        if left or joined:
            on_event({"event": "roster", "peers": self.peers})
        for peer in left:
            on_event({"event": "left", "peer": describe(peer)})
        for peer in joined:
            on_event({"event": "joined", "peer": describe(peer)})


def error_event(error: LektError) -> Event:
    if isinstance(error, Rejected):
        return {"event": "rejected", "word": error.word, "text": error.text}
    return {"event": "error", "code": error.code, "message": error.message}


def print_json(event: Event) -> None:
    print(json.dumps(event), flush=True)


def print_line(event: Event) -> None:
    if event["event"] in ("joined", "left"):
        peer = event["peer"]
        sign = "+" if event["event"] == "joined" else "-"
        tcp = "-" if peer["tcp"] is None else peer["tcp"]
        print(sign, peer["address"] or peer["ip"], harmless(peer["name"] or "-"), tcp, flush=True)
    elif event["event"] == "rejected":
        print(f"rejected: {event['word']}: {harmless(event['text'])}", file=sys.stderr)
    elif event["event"] == "error":
        print(f"{event['code']}: {harmless(event['message'])}", file=sys.stderr)


def own_methods(args: argparse.Namespace) -> dict[int, bytes]:
    methods = {w.SERVER: b"", w.RESUME: b"", w.SESSION: b""}
    if args.name is not None:
        methods[w.NAME] = args.name.encode("utf-8", "surrogateescape")
    if args.tcp is not None:
        methods[w.TCP] = args.tcp.to_bytes(2, "big")
    if args.data is not None:
        methods[w.DATA] = args.data.encode("utf-8", "surrogateescape")
    if args.watch:
        methods[w.WATCH] = b""
    if args.hold is not None:
        methods[w.HOLD] = args.hold.to_bytes(4, "big")
    return methods


def number(longest: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        value = int(text)
        if not 0 <= value <= longest:
            raise ValueError
        return value

    return integer


def main() -> int:
    parser = argparse.ArgumentParser(description="Joins a LEKT network and prints who comes and goes.")
    parser.add_argument("url", metavar="URL", help="lekt://host[:port][/network]")
    parser.add_argument("--name")
    parser.add_argument("--tcp", type=number(65_535), metavar="PORT")
    parser.add_argument("--data", metavar="TEXT")
    parser.add_argument("--watch", action="store_true", help="see the roster without being in it")
    parser.add_argument("--hold", type=number(2**32 - 1), metavar="MS", help="news at once")
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--retry", action="store_true", help="connect again where 6.4.1 says so")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    show = print_json if args.json else print_line
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    try:
        Client(args.url, own_methods(args), args.retry).run(show, args.seconds)
    except LektError as error:
        show(error_event(error))
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
