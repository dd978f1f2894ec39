"""LEKT 1.0 on the wire: packets, incremental decoders, payloads, addresses, URLs.

Clause numbers refer to protocol.md, method numbers to methods.md.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
import struct
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

MAGIC = b"LEKT"
VERSION = (1, 0, 0)
DEFAULT_PORT = 15358
MAX_REJECT_BYTES = 1024
HOLD_MAX_MS = 25_000
WORD_IP = bytes(4)
"""The IP of a word from the server (5.13)."""

REJECT_WORDS = frozenset(
    "version malformed limit rate timeout auth kicked replaced shutdown moved internal".split()
)

Version = tuple[int, int, int]


class WireError(Exception):
    """A fault in received bytes (1.5).

    `kind` is the word of a Reject on a server's side (6.3), a LEKT_ code on a client's.
    `offset` is the byte of the stream with which the fault is known.
    """

    def __init__(self, kind: str, text: str, offset: int) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.offset = offset


class PayloadError(ValueError):
    """A payload that methods.md calls malformed."""


class UrlError(ValueError):
    """A URL that 2.2 does not allow."""


# --- packets -------------------------------------------------------------------------------


def _header(kind: bytes, version: Version = VERSION) -> bytes:
    """The 8 bytes with which every packet begins (1.2)."""
    return MAGIC + kind + bytes(version)


@dataclass(frozen=True)
class Handshake:
    """3.1"""

    known: int
    methods: tuple[int, ...]
    version: Version = VERSION

    def encode(self) -> bytes:
        return _header(b"H", self.version) + struct.pack(">I", self.known) + encode_bits(self.known, self.methods)


@dataclass(frozen=True)
class Accept:
    """3.7"""

    version: Version = VERSION

    def encode(self) -> bytes:
        return _header(b"A", self.version)


@dataclass(frozen=True)
class Reject:
    """6.1"""

    message: str
    version: Version = VERSION

    @property
    def word(self) -> str:
        """The word of 6.3, or "unknown" (6.1.3)."""
        word, colon, _ = self.message.partition(": ")
        return word if colon and word in REJECT_WORDS else "unknown"

    @property
    def text(self) -> str:
        """What stands behind the word; all of the message where the word is unknown (6.1.3)."""
        return self.message if self.word == "unknown" else self.message.partition(": ")[2]

    def encode(self) -> bytes:
        """The packet; a text that is too long is cut at a character's edge (6.1.1)."""
        text = self.message.encode("utf-8").replace(b"\0", b"")[: MAX_REJECT_BYTES - 1]
        return _header(b"R", self.version) + text.decode("utf-8", "ignore").encode("utf-8") + b"\0"


@dataclass(frozen=True)
class Request:
    """4.1; method 0 ends the setup (4.7)."""

    method: int
    version: Version = VERSION

    def encode(self) -> bytes:
        return _header(b"T", self.version) + struct.pack(">I", self.method)


@dataclass(frozen=True)
class Response:
    """4.3"""

    method: int
    payload: bytes
    version: Version = VERSION

    def encode(self) -> bytes:
        return _header(b"T", self.version) + struct.pack(">II", self.method, len(self.payload)) + self.payload


@dataclass(frozen=True)
class Heartbeat:
    """5.1"""

    timestamp: int
    version: Version = VERSION

    def encode(self) -> bytes:
        return _header(b"H", self.version) + struct.pack(">q", self.timestamp)


@dataclass(frozen=True)
class ClientObject:
    """5.6; equal objects are equal byte for byte (5.9.2)."""

    ip: bytes
    methods: tuple[tuple[int, bytes], ...] = ()

    def get(self, index: int) -> bytes | None:
        return dict(self.methods).get(index)

    def encode(self) -> bytes:
        body = self.ip + b"".join(struct.pack(">II", i, len(p)) + p for i, p in self.methods)
        return struct.pack(">I", len(body)) + body


@dataclass(frozen=True)
class Added:
    """5.5; without clients it is the end of a reply (5.4.1)."""

    timestamp: int
    clients: tuple[ClientObject, ...] = ()
    version: Version = VERSION

    def encode(self) -> bytes:
        objects = [c.encode() for c in self.clients]
        return encode_update(b"A", self.timestamp, objects, self.version)


@dataclass(frozen=True)
class Removed:
    """5.7"""

    timestamp: int
    ips: tuple[bytes, ...]
    version: Version = VERSION

    def encode(self) -> bytes:
        return encode_update(b"R", self.timestamp, self.ips, self.version)


Packet = Handshake | Accept | Reject | Request | Response | Heartbeat | Added | Removed


def encode_update(kind: bytes, timestamp: int, items: Iterable[bytes], version: Version = VERSION) -> bytes:
    """An update packet from encoded objects or IPs (5.5, 5.7)."""
    items = list(items)
    count = len(items).to_bytes(3, "big")
    return _header(b"H", version) + struct.pack(">q", timestamp) + kind + count + b"".join(items)


def encode_bits(known: int, methods: Iterable[int]) -> bytes:
    """The words of the bitfield (3.3)."""
    words = [0] * ((known + 31) // 32)
    for method in methods:
        if not 1 <= method <= known:
            raise ValueError(f"method {method} is not between 1 and {known}")
        words[(method - 1) // 32] |= 1 << (method - 1) % 32
    return struct.pack(f">{len(words)}I", *words)


# --- decoders ------------------------------------------------------------------------------

HANDSHAKE, SETUP, HEARTBEAT = "handshake", "setup", "heartbeat"


class _Decoder:
    """What both directions have in common: framing over any pieces (1.4.2)."""

    def __init__(self, phase: str = HANDSHAKE) -> None:
        self.phase = phase
        self._buffer = bytearray()
        self._pos = 0
        self._base = 0
        self._stream = self._packets()

    @property
    def offset(self) -> int:
        """How many bytes of the stream are taken."""
        return self._base + self._pos

    def push(self, data: bytes) -> None:
        """Adds bytes as they came."""
        self._buffer += data

    def next(self) -> Packet | None:
        """The next whole packet, or None where more bytes are needed; raises WireError."""
        return next(self._stream, None)

    def _fail(self, kind: str, text: str) -> WireError:
        return WireError(kind, text, self.offset - 1)

    def _take(self, n: int) -> Generator[None, None, bytes]:
        while len(self._buffer) - self._pos < n:
            del self._buffer[: self._pos]
            self._base += self._pos
            self._pos = 0
            yield None
        self._pos += n
        return bytes(self._buffer[self._pos - n : self._pos])

    def _u32(self) -> Generator[None, None, int]:
        return int.from_bytes((yield from self._take(4)), "big")

    def _i64(self) -> Generator[None, None, int]:
        return int.from_bytes((yield from self._take(8)), "big", signed=True)

    def _type(self, kind: str, allowed: bytes) -> Generator[None, None, bytes]:
        """Magic, byte by byte, and type (1.2, 1.5.2)."""
        for expected in MAGIC:
            if (yield from self._take(1))[0] != expected:
                raise self._fail(kind, "the packet does not begin with LEKT")
        letter = yield from self._take(1)
        if letter not in allowed:
            raise self._fail(kind, f"a packet of type {letter[0]:#04x} cannot come in the phase {self.phase}")
        return letter

    def _version(self) -> Generator[None, None, Version]:
        major, minor, extra = yield from self._take(3)
        return major, minor, extra

    def _packets(self) -> Generator[Packet | None, None, None]:
        raise NotImplementedError


@dataclass
class ClientLimits:
    """What one client may say (limits.md, server)."""

    known: int = 1024
    payload: int = 4096
    total: int = 16_384
    published: int = 2048


class ServerDecoder(_Decoder):
    """Reads what a client sends; faults carry the word of a Reject (1.5.3).

    The server moves it on: `begin_setup` after the Handshake, `begin_heartbeat` with the zero request.
    """

    def __init__(self, phase: str = HANDSHAKE, asked: Iterable[int] = (), limits: ClientLimits | None = None) -> None:
        super().__init__(phase)
        self.asked: deque[int] = deque(asked)
        self.limits = limits or ClientLimits()
        self._total = 0
        self._published = 0

    def begin_setup(self, asked: Iterable[int]) -> None:
        self.phase, self.asked = SETUP, deque(asked)

    def begin_heartbeat(self) -> None:
        self.phase = HEARTBEAT

    def _packets(self) -> Generator[Packet | None, None, None]:
        if self.phase == HANDSHAKE:
            yield (yield from self._handshake())
        while True:
            if self.phase == HANDSHAKE:
                raise RuntimeError("the server has to call begin_setup before it reads on")
            # The phase is judged with the type: the zero request may go out while the magic comes.
            letter = yield from self._type("malformed", b"TH" if self.phase == HEARTBEAT else b"T")
            version = yield from self._version()
            if letter == b"H":
                yield Heartbeat((yield from self._i64()), version)
            else:
                yield (yield from self._response(version))

    def _handshake(self) -> Generator[None, None, Handshake]:
        """3.1 to 3.6; another major is judged with the header (1.3.2)."""
        yield from self._type("malformed", b"H")
        version = yield from self._version()
        if version[0] != VERSION[0]:
            own, other = (".".join(map(str, v)) for v in (VERSION, version))
            raise self._fail("version", f"this server speaks {own}, the client {other}")
        known = yield from self._u32()
        if known > self.limits.known:
            raise self._fail("limit", f"this server takes at most {self.limits.known} known methods")
        methods: list[int] = []
        for first in range(1, known + 1, 32):
            word = yield from self._u32()
            present = [first + bit for bit in range(32) if word >> bit & 1]
            if present and present[-1] > known:
                raise self._fail("malformed", f"a bit past the {known} known methods is set")
            methods += present
        return Handshake(known, tuple(methods), version)

    def _response(self, version: Version) -> Generator[None, None, Response]:
        """4.3 to 4.6; in the heartbeat phase only the stray answer of 4.8."""
        index = yield from self._u32()
        stray = self.phase == HEARTBEAT
        if stray and index != 0:
            raise self._fail("malformed", "a response that was not asked for")
        if not stray and not self.asked:
            raise self._fail("malformed", f"a response for method {index} where none was asked")
        if not stray and index != self.asked[0]:
            raise self._fail("malformed", f"a response for {label(index)} where {label(self.asked[0])} was asked")
        length = yield from self._u32()
        if length > self.limits.payload:
            raise self._fail("limit", f"the payload of {label(index)} is longer than {self.limits.payload} bytes")
        if not stray:
            self._count(index, length)
        payload = yield from self._take(length)
        if not stray:
            try:
                check_payload(index, payload)
            except PayloadError as error:
                raise self._fail("malformed", f"{label(index)}: {error}") from None
            self.asked.popleft()
        return Response(index, payload, version)

    def _count(self, index: int, length: int) -> None:
        self._total += length
        if self._total > self.limits.total:
            raise self._fail("limit", f"the payloads are longer than {self.limits.total} bytes")
        if is_published(index):
            self._published += length
            if self._published > self.limits.published:
                raise self._fail("limit", f"the published payloads are longer than {self.limits.published} bytes")


class ClientDecoder(_Decoder):
    """Reads what a server sends; faults carry a LEKT_ code (1.5.4). It follows the phases by itself."""

    def __init__(
        self,
        phase: str = HANDSHAKE,
        offered: Iterable[int] | None = None,
        max_object: int = 65_536,
        max_peers: int = 100_000,
    ) -> None:
        super().__init__(phase)
        self.offered = None if offered is None else frozenset(offered)
        self.max_object = max_object
        self.max_peers = max_peers

    def _packets(self) -> Generator[Packet | None, None, None]:
        while True:
            first = self.phase == HANDSHAKE
            allowed = {HANDSHAKE: b"AR", SETUP: b"TR", HEARTBEAT: b"HR"}[self.phase]
            letter = yield from self._type("LEKT_NOT_LEKT" if first else "LEKT_PROTOCOL", allowed)
            version = yield from self._version()
            if letter == b"R":
                yield (yield from self._reject(version))
                return  # 6.2: it is always the last packet
            if letter == b"A":
                if version[0] != VERSION[0]:
                    raise self._fail("LEKT_VERSION", f"the server speaks {version}, this client {VERSION}")
                self.phase = SETUP
                yield Accept(version)
            elif letter == b"T":
                method = yield from self._u32()
                if method == 0:
                    self.phase = HEARTBEAT
                elif self.offered is not None and method not in self.offered:
                    raise self._fail("LEKT_PROTOCOL", f"a request for method {method}, which was not set")
                yield Request(method, version)
            else:
                yield (yield from self._update(version))

    def _reject(self, version: Version) -> Generator[None, None, Reject]:
        """6.1, whatever the version is."""
        text = bytearray()
        while (byte := (yield from self._take(1))) != b"\0":
            text += byte
            if len(text) == MAX_REJECT_BYTES:
                raise self._fail("LEKT_PROTOCOL", "a Reject longer than 1024 bytes")
        try:
            return Reject(text.decode("utf-8"), version)
        except UnicodeDecodeError:
            raise self._fail("LEKT_PROTOCOL", "a Reject that is not UTF-8") from None

    def _update(self, version: Version) -> Generator[None, None, Added | Removed]:
        """5.5, 5.7"""
        timestamp = yield from self._i64()
        kind = yield from self._take(1)
        if kind not in b"AR":
            raise self._fail("LEKT_PROTOCOL", "an update that is neither A nor R")
        count = int.from_bytes((yield from self._take(3)), "big")
        if kind == b"R":
            ips: list[bytes] = []
            for _ in range(count):
                ips.append((yield from self._take(4)))
            return Removed(timestamp, tuple(ips), version)
        clients: list[ClientObject] = []
        for _ in range(count):
            clients.append((yield from self._object()))
            if len(clients) > self.max_peers:
                raise self._fail("LEKT_ROSTER_LIMIT", f"more than {self.max_peers} peers")
        return Added(timestamp, tuple(clients), version)

    def _object(self) -> Generator[None, None, ClientObject]:
        """5.6"""
        size = yield from self._u32()
        left = size - 4
        if left < 0 or 0 < left < 8 or size > self.max_object:
            raise self._fail("LEKT_PROTOCOL", f"a client object of {size} bytes")
        ip = yield from self._take(4)
        methods: list[tuple[int, bytes]] = []
        previous = 0
        while left:
            index = yield from self._u32()
            if index <= previous:
                raise self._fail("LEKT_PROTOCOL", f"method {index} after method {previous}")
            previous = index
            length = yield from self._u32()
            left -= 8 + length
            if left < 0 or 0 < left < 8:
                raise self._fail("LEKT_PROTOCOL", f"a payload of {length} bytes that does not fit its object")
            methods.append((index, (yield from self._take(length))))
        return ClientObject(ip, tuple(methods))


# --- methods and payloads ------------------------------------------------------------------


@dataclass(frozen=True)
class Endpoints:
    """The payload of `tcp` (1) and, with a version, of `udp` (2)."""

    port: int
    endpoints: tuple[tuple[str, int], ...]
    version: int | None = None


def parse_endpoints(payload: bytes) -> Endpoints:
    """methods.md, 1 tcp"""
    if len(payload) < 2:
        raise PayloadError("the port takes two bytes")
    found: list[tuple[str, int]] = []
    at = 2
    while at < len(payload):
        if len(found) == 8:
            raise PayloadError("bytes behind the eighth endpoint")
        size = {4: 4, 6: 16}.get(payload[at])
        if size is None:
            raise PayloadError("the family of an endpoint is 4 or 6")
        if len(payload) - at < 3 + size:
            raise PayloadError("an endpoint is cut short")
        address = ipv6_text(payload[at + 1 : at + 17]) if size == 16 else ip_text(payload[at + 1 : at + 5])
        at += 3 + size
        port = int.from_bytes(payload[at - 2 : at], "big")
        if port == 0:
            raise PayloadError("the port of an endpoint is 0")
        found.append((address, port))
    return Endpoints(int.from_bytes(payload[:2], "big"), tuple(found))


def parse_udp(payload: bytes) -> Endpoints:
    """methods.md, 2 udp"""
    if len(payload) < 3:
        raise PayloadError("version and port take three bytes")
    if payload[0] != 1:
        raise PayloadError("the version is not 1")
    rest = parse_endpoints(payload[1:])
    return Endpoints(rest.port, rest.endpoints, 1)


def parse_text(payload: bytes, longest: int) -> str:
    """Text as methods.md has it: strict UTF-8 (1.6) without control characters."""
    if not 1 <= len(payload) <= longest:
        raise PayloadError(f"a text of {len(payload)} bytes where 1 to {longest} are allowed")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise PayloadError("it is not UTF-8") from None
    if any(is_control(c) for c in text):
        raise PayloadError("it contains a control character")
    return text


def is_control(char: str) -> bool:
    return char <= "\x1f" or "\x7f" <= char <= "\x9f"


def parse_hold(payload: bytes) -> int:
    """methods.md, 22 hold: the milliseconds as given."""
    if len(payload) != 4:
        raise PayloadError("a hold has four bytes")
    return int.from_bytes(payload, "big")


def effective_hold(milliseconds: int) -> int:
    return min(milliseconds, HOLD_MAX_MS)


def parse_server_object(payload: bytes) -> dict[str, Any]:
    """methods.md, 23 server, as it comes from the server."""
    try:
        value = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        raise PayloadError("not JSON") from None
    if not isinstance(value, dict):
        raise PayloadError("not a JSON object")
    return value


def _sized(name: str, size: int) -> Callable[[bytes], bytes]:
    def parse(payload: bytes) -> bytes:
        if len(payload) != size:
            raise PayloadError(f"{name} has {size} bytes")
        return payload

    return parse


def _empty(payload: bytes) -> None:
    if payload:
        raise PayloadError("it has to be empty")


def _data(payload: bytes) -> bytes:
    if len(payload) > 1024:
        raise PayloadError("longer than 1024 bytes")
    return payload


def _token(payload: bytes) -> bytes:
    if len(payload) > 1024:
        raise PayloadError("longer than 1024 bytes")
    return payload


@dataclass(frozen=True)
class Method:
    """One row of methods.md."""

    name: str
    parse: Callable[[bytes], Any]
    published: bool = True
    asked: bool = True


METHODS: dict[int, Method] = {
    1: Method("tcp", parse_endpoints),
    2: Method("udp", parse_udp),
    3: Method("relay", _empty),
    4: Method("webrtc", _empty),
    17: Method("network", lambda p: parse_text(p, 255), published=False),
    18: Method("token", bytes, published=False),
    19: Method("identity", _sized("an identity", 32)),
    20: Method("name", lambda p: parse_text(p, 64)),
    21: Method("data", _data),
    22: Method("hold", parse_hold, published=False),
    23: Method("server", _empty, published=False),
    24: Method("signal", _empty, published=False, asked=False),
    25: Method("ipv6", _sized("an IPv6 address", 16), asked=False),
    26: Method("resume", _token, published=False, asked=False),
    27: Method("watch", _empty, published=False),
    28: Method("update", _empty, published=False, asked=False),
    29: Method("session", _empty, published=False, asked=False),
}
METHODS |= {i: Method("unassigned", bytes) for i in range(7, 17)}
METHODS |= {i: Method("private use", bytes) for i in range(33, 65)}
TCP, UDP, NETWORK, TOKEN, NAME, DATA, HOLD, SERVER, IPV6, RESUME = 1, 2, 17, 18, 20, 21, 22, 23, 25, 26
WATCH, SESSION = 27, 29


def label(index: int) -> str:
    method = METHODS.get(index)
    return f"method {index} ({method.name})" if method else f"method {index}"


def is_published(index: int) -> bool:
    return index in METHODS and METHODS[index].published


def check_payload(index: int, payload: bytes) -> None:
    """Raises PayloadError where a client's payload is malformed."""
    if index in METHODS:
        METHODS[index].parse(payload)


# --- addresses -----------------------------------------------------------------------------


def ip_text(ip: bytes) -> str:
    return ".".join(map(str, ip))


def ipv6_text(address: bytes) -> str:
    """RFC 5952, except that IPv4-mapped addresses stay in hexadecimal."""
    return str(ipaddress.IPv6Address(address))


def pseudo_address(address: bytes) -> bytes:
    """The pseudo address of an IPv6 address (5.12.2)."""
    first = int.from_bytes(hashlib.sha256(address).digest()[:4], "big")
    return (0xF0000000 | first >> 4).to_bytes(4, "big")


def is_pseudo(ip: bytes) -> bool:
    return ip[0] >= 240


def real_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """A socket's address without its zone; an IPv4-mapped one as IPv4 (5.12.1)."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def wire_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[bytes, bytes | None]:
    """IP of the object and payload of `ipv6`, if there is one (5.12)."""
    if address.version == 4:
        return address.packed, None
    return pseudo_address(address.packed), address.packed


# --- URLs ----------------------------------------------------------------------------------

MAX_URL_LENGTH = 2048
_SCHEMES = {"lekt": False, "lekts": True, "ws": False, "wss": True}
_URL = re.compile(r"([A-Za-z]+)://(\[[^\]]*\]|[^:/?#\[\]@]*)(?::([^/?#]*))?(/[^#]*)?(?:#(.*))?", re.DOTALL)
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])+")


@dataclass(frozen=True)
class Url:
    """A parsed URL (2.2); `network` is None for the default one."""

    scheme: str
    host: str
    port: int
    network: str | None
    secure: bool
    fragment: str = ""

    @property
    def reserved(self) -> bool:
        """A right form that this version cannot open (2.2.1, 2.2.6)."""
        return self.scheme != "lekt" or any(not part.startswith("key=") for part in _parts(self.fragment))

    @property
    def network_key(self) -> bytes | None:
        """The secret of the peers (2.2.7); this program connects none."""
        return _parse_network_key(self.fragment)


def _parts(fragment: str) -> list[str]:
    return fragment.split("&") if fragment else []


def _parse_network_key(fragment: str) -> bytes | None:
    """2.2.7"""
    keys = [part[len("key=") :] for part in _parts(fragment) if part.startswith("key=")]
    if not keys:
        return None
    if len(keys) > 1 or not re.fullmatch(r"[A-Za-z0-9_-]{43}", keys[0]):
        raise UrlError("the network key is not 43 characters of base64url, once")
    key = base64.urlsafe_b64decode(keys[0] + "=")
    if base64.urlsafe_b64encode(key).decode() != keys[0] + "=":
        raise UrlError("the network key has bits that no byte has")
    return key


def parse_url(url: str) -> Url:
    """2.2; raises UrlError."""
    if len(url) > MAX_URL_LENGTH:
        raise UrlError(f"longer than {MAX_URL_LENGTH} characters")
    if any(c.isspace() or is_control(c) for c in url):
        raise UrlError("white space or a control character")
    match = _URL.fullmatch(url)
    if not match:
        raise UrlError("not of the form lekt://host[:port][/network]")
    scheme, host, port, path, fragment = match.groups()
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        raise UrlError("the scheme is not lekt")
    _parse_network_key(fragment or "")
    return Url(
        scheme, _parse_host(host), _parse_port(port), _parse_path(path or ""), _SCHEMES[scheme], fragment or ""
    )


def _parse_host(host: str) -> str:
    """2.2.2"""
    if host.startswith("["):
        try:
            if "%" in host:
                raise ValueError
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise UrlError("in brackets stands an IPv6 address without a zone") from None
        return host[1:-1].lower()
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise UrlError("not an IPv4 address") from None
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(part) for part in labels):
        raise UrlError("not a host name")
    return host.lower()


def _parse_port(port: str | None) -> int:
    if port is None:
        return DEFAULT_PORT
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise UrlError("the port is not a number from 1 to 65535")
    return int(port)


def _parse_path(path: str) -> str | None:
    """2.2.3, 2.2.4"""
    segment = path[1:]
    if not segment:
        return None
    if not _SEGMENT.fullmatch(segment):
        raise UrlError("the path is not one segment of allowed characters")
    try:
        raw = re.sub(rb"%(..)", lambda m: bytes.fromhex(m[1].decode()), segment.encode("utf-8"))
        name = parse_text(raw, 255)
    except (PayloadError, UnicodeEncodeError) as error:
        raise UrlError(f"the network's name: {error}") from None
    if name in (".", ".."):
        raise UrlError("a dot segment")
    return name
