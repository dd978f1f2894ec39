"""Runs the client against the server on loopback: python3 test_loopback.py"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lekt_wire as w
from lekt_client import Client, Event, LektError, Rejected

HERE = Path(__file__).parent
PATIENCE = 5.0


@contextlib.contextmanager
def server(*flags: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    command = [sys.executable, str(HERE / "lekt_server.py"), "--port", "0", "--json", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline())["port"], process
    finally:
        process.terminate()
        process.wait(PATIENCE)
        if process.stdout:
            process.stdout.close()


class Seat:
    """A client in a thread, with what it reported."""

    def __init__(self, url: str, methods: dict[int, bytes] | None = None) -> None:
        self.events: list[tuple[float, Event]] = []
        self.error: LektError | None = None
        self.client = Client(url, methods)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.client.run(lambda event: self.events.append((time.monotonic(), event)), seconds=30)
        except LektError as error:
            self.error = error

    def names(self, kind: str) -> list[str]:
        return sorted(e["peer"]["name"] or "" for _, e in list(self.events) if e["event"] == kind)

    def roster(self) -> list[str]:
        rosters = [e["peers"] for _, e in list(self.events) if e["event"] == "roster"]
        return sorted(p["name"] or "" for p in rosters[-1]) if rosters else []

    def leave(self) -> None:
        self.client.close()
        self._thread.join(PATIENCE)


def until(what: str, test: Callable[[], Any], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.005)


def named(name: str, **more: Any) -> dict[int, bytes]:
    methods = {w.NAME: name.encode(), w.TCP: b"\x0f\xa0", w.HOLD: (25_000).to_bytes(4, "big")}
    if more.get("watch"):
        methods[w.WATCH] = b""
    if "hold" in more:
        methods[w.HOLD] = more["hold"].to_bytes(4, "big")
    return methods


class Raw:
    """A bare connection that sends what it likes."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)
        self.decoder = w.ClientDecoder()

    def send(self, *packets: Any) -> None:
        self.socket.sendall(b"".join(p if isinstance(p, bytes) else p.encode() for p in packets))

    def next(self, seconds: float = PATIENCE) -> w.Packet | None:
        """The next packet, or None at the end of the stream."""
        self.socket.settimeout(seconds)
        while (packet := self.decoder.next()) is None:
            data = self.socket.recv(65_536)
            if not data:
                return None
            self.decoder.push(data)
        return packet

    def join(self, *answers: w.Response) -> None:
        known = tuple(a.method for a in answers)
        self.send(w.Handshake(max(known, default=0), known), *answers)
        while (packet := self.next()) != w.Request(0):
            assert isinstance(packet, (w.Accept, w.Request)), packet

    def reply(self, seconds: float = PATIENCE) -> list[w.Packet]:
        packets: list[w.Packet] = []
        while True:
            packet = self.next(seconds)
            assert isinstance(packet, (w.Added, w.Removed)), packet
            packets.append(packet)
            if isinstance(packet, w.Added) and not packet.clients:
                return packets

    def rejected(self, word: str) -> None:
        packet: Any = self.next()
        while packet is not None and not isinstance(packet, w.Reject):
            packet = self.next()
        assert isinstance(packet, w.Reject) and packet.word == word, packet
        assert self.socket.recv(1) == b"", "the server goes on after its Reject"

    def close(self) -> None:
        self.socket.close()


BEAT = w.Heartbeat(0)


def join_see_leave() -> None:
    with server() as (port, _):
        url = f"lekt://127.0.0.1:{port}/jeux"
        alice = Seat(url, named("alice"))
        until("alice sees herself", lambda: alice.roster() == ["alice"])
        bob = Seat(url, named("bob") | {w.DATA: b"hello"})
        until("alice sees bob", lambda: alice.roster() == ["alice", "bob"])
        until("bob sees both", lambda: bob.roster() == ["alice", "bob"])
        peer = next(p for p in alice.client.peers if p["name"] == "bob")
        assert (peer["address"], peer["tcp"], peer["data"]) == ("127.0.0.1", 4000, b"hello".hex()), peer
        bob.leave()
        until("alice sees bob leave", lambda: alice.names("left") == ["bob"] and alice.roster() == ["alice"])
        assert alice.names("joined") == ["alice", "bob"]
        alice.leave()


def other_networks() -> None:
    with server() as (port, _):
        seats = [Seat(f"lekt://127.0.0.1:{port}/{n}", named(n or "default")) for n in ("a", "%C3%A9", "")]
        until("each sees itself", lambda: all(s.roster() for s in seats))
        time.sleep(0.2)
        assert [len(s.roster()) for s in seats] == [1, 1, 1]
        for seat in seats:
            seat.leave()


def twins() -> None:
    with server() as (port, _):
        url = f"lekt://127.0.0.1:{port}/"
        watcher = Seat(url, named("watcher", watch=True))
        seats = [Seat(url, named("twin")) for _ in range(3)]
        until("three twins", lambda: watcher.roster() == ["twin"] * 3)
        seats.pop().leave()
        until("one left", lambda: watcher.roster() == ["twin"] * 2)
        seats.pop().leave()
        until("two left", lambda: watcher.roster() == ["twin"])
        assert watcher.names("left") == ["twin"] * 2 and watcher.names("joined") == ["twin"] * 3
        seats.pop().leave()
        until("all left", lambda: watcher.names("left") == ["twin"] * 3)
        watcher.leave()


def shared_address_on_the_wire() -> None:
    with server() as (port, _):
        seats = [Raw(port) for _ in range(3)]
        for seat, name in zip(seats, ("a", "b", "c")):
            seat.join(w.Response(w.NAME, name.encode()))
        seats[0].send(BEAT)
        assert [type(p) for p in seats[0].reply()] == [w.Added, w.Added]
        seats[1].close()
        time.sleep(0.1)
        seats[0].send(BEAT)
        removed, added, _ = seats[0].reply()
        assert isinstance(removed, w.Removed) and removed.ips == (bytes((127, 0, 0, 1)),)
        assert isinstance(added, w.Added) and sorted(c.get(w.NAME) for c in added.clients) == [b"a", b"c"]
        for seat in (seats[0], seats[2]):
            seat.close()


def ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return
    with server("--host", "::1") as (port, _):
        seat = Seat(f"lekt://[::1]:{port}/", named("six"))
        until("a reply", lambda: seat.roster() == ["six"])
        (peer,) = seat.client.peers
        assert (peer["address"], peer["ip"]) == ("::1", "247.195.204.209"), peer
        seat.leave()


def hold() -> None:
    with server() as (port, _):
        late = Raw(port)
        late.join(w.Response(w.HOLD, (400).to_bytes(4, "big")))
        late.send(BEAT)
        late.reply()
        start = time.monotonic()
        late.send(BEAT)
        assert len(late.reply()) == 1
        assert 0.39 <= time.monotonic() - start < 1, time.monotonic() - start
        late.send(BEAT)
        start = time.monotonic()
        other = Raw(port)
        other.join()
        assert len(late.reply()) == 2
        assert time.monotonic() - start < 0.3
        late.close()
        other.close()


def hold_released() -> None:
    with server() as (port, _):
        late = Raw(port)
        late.join(w.Response(w.HOLD, (25_000).to_bytes(4, "big")))
        late.send(BEAT)
        late.reply()
        late.send(BEAT, BEAT)
        assert len(late.reply(1)) == 1
        try:
            late.reply(0.2)
            raise AssertionError("the second reply is not held")
        except TimeoutError:
            pass
        late.close()


def news_arrive_at_once() -> None:
    with server() as (port, _):
        url = f"lekt://127.0.0.1:{port}/"
        alice = Seat(url, named("alice"))
        until("alice", lambda: alice.roster() == ["alice"])
        start = time.monotonic()
        bob = Seat(url, named("bob"))
        until("bob", lambda: alice.roster() == ["alice", "bob"])
        assert time.monotonic() - start < 0.5
        alice.leave()
        bob.leave()


def server_object() -> None:
    with server("--heartbeat-interval-ms", "1500") as (port, _):
        raw = Raw(port)
        raw.join(w.Response(w.SERVER, b""))
        raw.send(BEAT)
        word, *rest = raw.reply()
        assert isinstance(word, w.Added) and len(word.clients) == 1 and word.clients[0].ip == w.WORD_IP
        about = w.parse_server_object(word.clients[0].get(w.SERVER) or b"")
        own = raw.socket.getsockname()
        assert about == {"you": {"address": own[0], "port": own[1]}, "heartbeatSeconds": 1.5, "relay": None, "stun": []}
        assert len(rest) == 2
        raw.send(BEAT)
        assert len(raw.reply()) == 1
        raw.close()


def private_is_not_published() -> None:
    with server() as (port, _):
        raw = Raw(port)
        answers = {w.TCP: b"\0\0", w.NETWORK: b"n", w.TOKEN: b"secret", w.HOLD: bytes(4), 40: b"x"}
        raw.join(*(w.Response(m, p) for m, p in answers.items()))
        raw.send(BEAT)
        added = raw.reply()[0]
        assert isinstance(added, w.Added) and [i for i, _ in added.clients[0].methods] == [1, 40]
        raw.close()


def what_is_asked() -> None:
    with server() as (port, _):
        raw = Raw(port)
        raw.send(w.Handshake(100, tuple(range(1, 101))))
        assert isinstance(raw.next(), w.Accept)
        wanted = [*range(1, 5), *range(7, 24), 27, *range(33, 65)]
        assert [raw.next() for _ in wanted] == [w.Request(m) for m in wanted]
        raw.close()


def stray_answer() -> None:
    with server() as (port, _):
        raw = Raw(port)
        raw.join()
        raw.send(w.Response(0, b"abc"), BEAT)
        assert len(raw.reply()) == 2
        raw.close()


def rejects() -> None:
    shake = w.Handshake(20, (1, 20))
    cases: list[tuple[str, list[Any]]] = [
        ("version", [w.Handshake(1, (), (2, 0, 0)).encode()]),
        ("malformed", [b"GET / HTTP/1.1\r\n\r\n"]),
        ("malformed", [b"\x16\x03\x01"]),
        ("limit", [w.Handshake(1, (1,)).encode()[:8] + struct.pack(">I", 1025)]),
        ("malformed", [shake, w.Response(20, b"x")]),
        ("malformed", [shake, w.Response(1, b"\0\0"), w.Response(20, b"bo\nb")]),
        ("malformed", [shake, BEAT]),
        ("limit", [shake, w.Response(1, b"\0\0"), w.Response(20, bytes(4097)).encode()[:16]]),
        ("limit", [w.Handshake(33, (33,)), w.Response(33, bytes(2049)).encode()[:16]]),
        ("malformed", [w.Handshake(0, ()), w.Response(1, b"\0\0")]),
        ("rate", [w.Handshake(0, ()), BEAT.encode() * 100]),
    ]
    with server() as (port, _):
        for word, packets in cases:
            raw = Raw(port)
            raw.send(*packets)
            raw.rejected(word)
            raw.close()


def limits() -> None:
    with server("--max-clients-per-address", "2") as (port, _):
        url = f"lekt://127.0.0.1:{port}/"
        first, second = Raw(port), Raw(port)
        first.join()
        second.join()
        client = Client(url)
        try:
            client.run(lambda _: None, 5)
            raise AssertionError("the third was let in")
        except Rejected as error:
            assert error.word == "limit" and "2" in error.text
        for raw in (first, second):
            raw.close()
    with server("--max-clients-per-network", "1") as (port, _):
        first, second = Raw(port), Raw(port)
        first.join()
        second.send(w.Handshake(0, ()))
        second.rejected("limit")
        for raw in (first, second):
            raw.close()
    with server("--max-clients", "1") as (port, _):
        first, second = Raw(port), Raw(port)
        second.rejected("limit")
        for raw in (first, second):
            raw.close()
    with server("--max-connections-per-second", "3") as (port, _):
        raws = [Raw(port) for _ in range(4)]
        raws[3].rejected("rate")
        for raw in raws:
            raw.close()


def no_default_network() -> None:
    with server("--no-default-network") as (port, _):
        raw = Raw(port)
        raw.send(w.Handshake(0, ()))
        raw.rejected("auth")
        raw.close()


def deadlines() -> None:
    with server("--setup-timeout-ms", "300", "--heartbeat-interval-ms", "200") as (port, _):
        quiet, silent, beating = Raw(port), Raw(port), Raw(port)
        silent.join()
        beating.join()
        start = time.monotonic()
        quiet.rejected("timeout")
        assert 0.2 < time.monotonic() - start < 0.6
        while time.monotonic() - start < 0.9:
            beating.send(BEAT)
            beating.reply()
            time.sleep(0.1)
        silent.rejected("timeout")
        beating.send(BEAT)
        beating.reply()
        for raw in (quiet, silent, beating):
            raw.close()


def bounded_past() -> None:
    with server("--history-ms", "300") as (port, _):
        behind, other = Raw(port), Raw(port)
        behind.join()
        behind.send(BEAT)
        behind.reply()
        other.join()
        behind.rejected("timeout")
        for raw in (behind, other):
            raw.close()


def slow_reader() -> None:
    size = 1_000_000
    flags = [f"--max-{kind}-bytes={size}" for kind in ("payload", "total-payload", "published")]
    with server(*flags) as (port, _):
        raws = [Raw(port) for _ in range(12)]
        for raw in raws:
            raw.join(w.Response(33, bytes(size)))
        raws[0].send(BEAT)
        time.sleep(13.5)
        read = 0
        raws[0].socket.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            while data := raws[0].socket.recv(1 << 20):
                read += len(data)
        assert 0 < read < 12 * size, read
        raws[1].decoder.max_object = 2 * size
        raws[1].send(BEAT)
        assert len(raws[1].reply()) > 11
        for raw in raws:
            raw.close()


def shutdown() -> None:
    with server() as (port, process):
        seat = Seat(f"lekt://127.0.0.1:{port}/", named("alice"))
        until("alice", lambda: seat.roster() == ["alice"])
        process.send_signal(signal.SIGTERM)
        until("the Reject", lambda: seat.error is not None)
        assert isinstance(seat.error, Rejected) and seat.error.word == "shutdown"
        assert process.wait(PATIENCE) == 0


def crowd() -> None:
    with server("--max-clients-per-address", "200", "--max-connections-per-second", "1000") as (port, _):
        url = f"lekt://127.0.0.1:{port}/"
        seats = [Seat(url, named(f"n{i:02}")) for i in range(40)]
        everybody = sorted(f"n{i:02}" for i in range(40))
        until("all see all", lambda: all(s.roster() == everybody for s in seats), 15)
        for seat in seats[20:]:
            seat.leave()
        until("half is gone", lambda: all(s.roster() == everybody[:20] for s in seats[:20]), 15)
        for seat in seats[:20]:
            seat.leave()


@contextlib.contextmanager
def scripted(*scripts: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does as it is told, one script for each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        for script in scripts:
            with contextlib.suppress(OSError):
                sock, _ = listener.accept()
                sock.settimeout(PATIENCE)
                with sock:
                    script(sock)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(PATIENCE)


def outcome(port: int, methods: dict[int, bytes] | None = None) -> LektError | None:
    try:
        Client(f"lekt://127.0.0.1:{port}/", methods).run(lambda _: None, 3)
    except LektError as error:
        return error
    return None


def client_faces_bad_servers() -> None:
    def say(data: bytes) -> Callable[[socket.socket], None]:
        def script(sock: socket.socket) -> None:
            sock.recv(100)
            sock.sendall(data)

        return script

    accept = w.Accept().encode()
    for data, code in [
        (b"SSH-2.0-x\r\n", "LEKT_NOT_LEKT"),
        (w.Accept((2, 0, 0)).encode(), "LEKT_VERSION"),
        (accept + w.Request(1).encode(), "LEKT_PROTOCOL"),
        (accept + w.Request(0).encode() + b"LEKTX", "LEKT_PROTOCOL"),
        (accept, "LEKT_CONNECTION_LOST"),
        (w.Reject("kicked: bye", (7, 0, 0)).encode(), "LEKT_REJECT_KICKED"),
        (w.Reject("no").encode(), "LEKT_REJECT_UNKNOWN"),
        (w.Reject("moved: lekts://b.example/").encode(), "LEKT_REJECT_MOVED"),
    ]:
        with scripted(say(data)) as port:
            error = outcome(port)
            assert error and error.code == code, (code, error)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = outcome(port)
    assert error and error.code == "LEKT_CONNECT", error


def client_follows_moves() -> None:
    with server() as (port, _):
        def move(sock: socket.socket) -> None:
            sock.recv(100)
            sock.sendall(w.Reject(f"moved: lekt://127.0.0.1:{port}/there").encode())

        with scripted(move) as first:
            seat = Seat(f"lekt://127.0.0.1:{first}/here", named("alice"))
            until("alice is there", lambda: seat.roster() == ["alice"])
            other = Seat(f"lekt://127.0.0.1:{port}/there", named("bob"))
            until("in the network of the URL", lambda: other.roster() == ["alice", "bob"])
            seat.leave()
            other.leave()
    ports: list[int] = []

    def again(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(w.Reject(f"moved: lekt://127.0.0.1:{ports[0]}/").encode())

    with scripted(again, again, again, again) as port:
        ports.append(port)
        error = outcome(port)
        assert error and error.code == "LEKT_MOVED_TOO_OFTEN", error


def client_without_end_of_reply() -> None:
    """5.18, with an interval from the server object."""
    word = w.ClientObject(w.WORD_IP, ((w.SERVER, b'{"heartbeatSeconds":0.3}'),))
    peer = w.ClientObject(bytes((10, 0, 0, 1)), ((w.NAME, b"plain"),))

    def script(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(w.Accept().encode() + w.Request(0).encode())
        sock.recv(16)
        sock.sendall(w.Added(0, (word, peer)).encode() + w.Removed(0, (peer.ip,)).encode()[:-1])
        sock.recv(16)
        sock.sendall(peer.ip[-1:])
        sock.recv(16)

    with scripted(script) as port:
        seat = Seat(f"lekt://127.0.0.1:{port}/")
        until("joined", lambda: seat.names("joined") == ["plain"])
        until("left", lambda: seat.names("left") == ["plain"])
        seat.leave()


def client_ignores_part_of_a_reply() -> None:
    peer = w.ClientObject(bytes((10, 0, 0, 1)), ())

    def script(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(w.Accept().encode() + w.Request(0).encode())
        sock.recv(16)
        sock.sendall(w.Added(0, (peer,)).encode() + w.Reject("kicked: x").encode())

    with scripted(script) as port:
        seat = Seat(f"lekt://127.0.0.1:{port}/")
        until("kicked", lambda: seat.error)
        assert [e["event"] for _, e in seat.events] == ["ready"], seat.events


def command() -> None:
    with server() as (port, _):
        url = f"lekt://127.0.0.1:{port}/jeux"
        client = [sys.executable, str(HERE / "lekt_client.py")]
        flags = ["--name", "al", "--tcp", "4000", "--seconds", "0.5"]
        run = subprocess.run([*client, url, *flags], capture_output=True, text=True, timeout=10)
        assert (run.returncode, run.stdout) == (0, "+ 127.0.0.1 al 4000\n"), run
        process = subprocess.Popen([*client, url, "--json", "--hold", "25000"], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        lines = [json.loads(process.stdout.readline())["event"] for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        process.stdout.close()
        assert lines == ["ready", "roster", "joined"], lines
        run = subprocess.run([*client, url + "#k=v", "--json"], capture_output=True, text=True, timeout=10)
        assert run.returncode == 1 and json.loads(run.stdout)["code"] == "LEKT_URL", run


def main() -> int:
    tests = [
        join_see_leave, other_networks, twins, shared_address_on_the_wire, ipv6, hold, hold_released,
        news_arrive_at_once, server_object, private_is_not_published, what_is_asked, stray_answer, rejects, limits,
        no_default_network, deadlines, bounded_past, slow_reader, shutdown, crowd, client_faces_bad_servers,
        client_follows_moves, client_without_end_of_reply, client_ignores_part_of_a_reply, command,
    ]  # fmt: skip
    chosen = [t for t in tests if len(sys.argv) < 2 or t.__name__ in sys.argv[1:]]
    failed = 0
    for test in chosen:
        try:
            test()
        except Exception as error:  # noqa: BLE001 - every fault is a failed test
            failed += 1
            print(f"FAILED {test.__name__}: {type(error).__name__}: {error}")
    print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
