"""Runs a folder of test vectors: python3 test_vectors.py SPEC/vectors"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lekt_wire as w
from lekt_client import Roster

passed = 0
failures: list[str] = []


def check(name: str, test: Callable[[], Any]) -> None:
    """Counts a test, which fails by raising."""
    global passed
    try:
        test()
        passed += 1
    except Exception as error:  # noqa: BLE001 - every fault is a failed test
        failures.append(f"{name}: {type(error).__name__}: {error}")


def equal(found: Any, wanted: Any) -> None:
    assert found == wanted, f"found {str(found)[:300]}, wanted {str(wanted)[:300]}"


def endpoints(value: w.Endpoints) -> dict[str, Any]:
    head = {} if value.version is None else {"version": value.version}
    return head | {"port": value.port, "endpoints": [list(e) for e in value.endpoints]}


def to_fields(packet: w.Packet) -> dict[str, Any]:
    """A packet in the form of vectors/README.md."""
    fields: dict[str, Any] = {"type": type(packet).__name__.lower(), "version": list(packet.version)}
    match packet:
        case w.Handshake():
            fields |= {"known": packet.known, "methods": list(packet.methods)}
        case w.Reject():
            fields |= {"message": packet.message, "word": packet.word}
        case w.Request():
            fields |= {"method": packet.method}
        case w.Response():
            fields |= {"method": packet.method, "payload": packet.payload.hex()}
            if packet.method in (w.TCP, w.UDP):
                fields[w.METHODS[packet.method].name] = endpoints(w.METHODS[packet.method].parse(packet.payload))
        case w.Heartbeat():
            fields |= {"timestamp": str(packet.timestamp)}
        case w.Added():
            clients = [{"ip": w.ip_text(c.ip), "methods": [[i, p.hex()] for i, p in c.methods]} for c in packet.clients]
            fields |= {"timestamp": str(packet.timestamp), "clients": clients}
        case w.Removed():
            fields |= {"timestamp": str(packet.timestamp), "ips": [w.ip_text(ip) for ip in packet.ips]}
    return fields


def ip_bytes(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def from_fields(f: dict[str, Any]) -> w.Packet:
    version = tuple(f["version"])
    match f["type"]:
        case "handshake":
            return w.Handshake(f["known"], tuple(f["methods"]), version)
        case "accept":
            return w.Accept(version)
        case "reject":
            return w.Reject(f["message"], version)
        case "request":
            return w.Request(f["method"], version)
        case "response":
            return w.Response(f["method"], bytes.fromhex(f["payload"]), version)
        case "heartbeat":
            return w.Heartbeat(int(f["timestamp"]), version)
        case "added":
            clients = tuple(
                w.ClientObject(ip_bytes(c["ip"]), tuple((i, bytes.fromhex(p)) for i, p in c["methods"]))
                for c in f["clients"]
            )
            return w.Added(int(f["timestamp"]), clients, version)
        case "removed":
            return w.Removed(int(f["timestamp"]), tuple(map(ip_bytes, f["ips"])), version)
    raise ValueError(f["type"])


def decode(vector: dict[str, Any], asked: list[int], pieces: Iterable[bytes]) -> list[w.Packet]:
    """Decodes pieces as a receiver in the vector's phase would."""
    found: list[w.Packet] = []
    if vector["direction"] == "server to client":
        decoder: w.ServerDecoder | w.ClientDecoder = w.ClientDecoder(vector["phase"])
    else:
        decoder = w.ServerDecoder(vector["phase"], asked if vector["phase"] == "setup" else ())
    for piece in pieces:
        decoder.push(piece)
        while (packet := decoder.next()) is not None:
            found.append(packet)
            if isinstance(decoder, w.ServerDecoder):
                if isinstance(packet, w.Handshake):
                    decoder.begin_setup(asked)
                if decoder.phase == "setup" and not decoder.asked:
                    decoder.begin_heartbeat()
    return found


def cuts(data: bytes) -> Iterable[tuple[str, list[bytes]]]:
    yield "whole", [data]
    yield "byte by byte", [data[i : i + 1] for i in range(len(data))]
    for i in range(1, len(data)):
        yield f"split at {i}", [data[:i], data[i:]]


def run_good(file: str, vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        name = f"{file}: {vector['name']}"
        data = bytes.fromhex(vector["hex"])
        fields = vector["fields"].get("packets", [vector["fields"]])
        asked = vector.get("asked", [f["method"] for f in fields if f["type"] == "response" and f["method"]])
        for how, pieces in cuts(data):
            check(f"{name}, {how}", lambda: equal([to_fields(p) for p in decode(vector, asked, pieces)], fields))
        check(f"{name}, encode", lambda: equal(b"".join(from_fields(f).encode() for f in fields).hex(), data.hex()))


def fault(vector: dict[str, Any], pieces: list[bytes]) -> w.WireError | None:
    try:
        decode(vector, vector.get("asked", []), pieces)
    except w.WireError as error:
        return error
    return None


def run_malformed(file: str, vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        name = f"{file}: {vector['name']}"
        data = bytes.fromhex(vector["hex"])
        wanted = (next(iter(vector["error"].values())), vector["offset"])

        def judge(pieces: list[bytes]) -> None:
            error = fault(vector, pieces)
            equal(error and (error.kind, error.offset), wanted)

        for how, pieces in cuts(data):
            check(f"{name}, {how}", lambda: judge(pieces))
        prefix = data[: vector["offset"]]
        check(f"{name}, no fault before", lambda: equal(fault(vector, [prefix]), None))
        check(f"{name}, fault at the byte", lambda: judge([data[: vector["offset"] + 1]]))


def payload_value(index: int, payload: bytes, sender: str | None) -> Any:
    if index == w.SERVER and sender == "server":
        return w.parse_server_object(payload)
    value = w.METHODS[index].parse(payload)
    if isinstance(value, w.Endpoints):
        return endpoints(value)
    if index == w.HOLD:
        return {"milliseconds": value, "effective": w.effective_hold(value)}
    if index == w.IPV6:
        return {"address": w.ipv6_text(value), "pseudo": w.ip_text(w.pseudo_address(value))}
    return value.hex() if isinstance(value, bytes) else value


def refused(error: type[Exception], call: Callable[[], Any]) -> None:
    try:
        value = call()
    except error:
        return
    raise AssertionError(f"taken as {value}")


def run_payloads(methods: list[dict[str, Any]]) -> None:
    for method in methods:
        for case in method["valid"] + method["invalid"]:
            name = f"payloads: {method['index']} {method['name']}, {case['name']}"
            call = lambda: payload_value(method["index"], bytes.fromhex(case["hex"]), case.get("from"))  # noqa: E731
            if "value" in case:
                check(name, lambda: equal(call(), case["value"]))
            else:
                check(name, lambda: refused(w.PayloadError, call))


def run_urls(urls: dict[str, list[dict[str, Any]]]) -> None:
    for case in urls["valid"]:
        def good() -> None:
            url = w.parse_url(case["url"])
            parsed = {**vars(url), "networkKey": url.network_key and url.network_key.hex()}
            equal({k: parsed[k] for k in case["parsed"]}, case["parsed"])
            equal(url.reserved, case.get("reserved", False))

        check(f"urls: {case['url'][:60]}", good)
    for case in urls["invalid"]:
        check(f"urls: {case['url'][:60]!r}", lambda: refused(w.UrlError, lambda: w.parse_url(case["url"])))


def sorted_clients(clients: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(client, sort_keys=True) for client in clients)


def follow(connections: list[dict[str, Any]], pieces: Callable[[bytes], Iterable[bytes]]) -> None:
    """Reads what servers sent on one connection after the other."""
    roster = Roster()

    def shown() -> list[str]:
        return sorted_clients({"ip": w.ip_text(c.ip), "methods": [[i, p.hex()] for i, p in c.methods]} for c in roster)

    for connection in connections:
        roster.forget()
        decoder = w.ClientDecoder("heartbeat")

        def read(data: bytes) -> None:
            for piece in pieces(data):
                decoder.push(piece)
                while (packet := decoder.next()) is not None:
                    if isinstance(packet, w.Added) and not packet.clients:
                        roster.commit()
                    else:
                        roster.apply(packet)

        for reply in connection["replies"]:
            read(bytes.fromhex(reply["hex"]))
            equal((shown(), roster.token.hex()), (sorted_clients(reply["roster"]), reply["token"]))
        before = shown()
        read(bytes.fromhex(connection.get("unfinished", "")))
        equal(shown(), before)


def run_rosters(vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        name, connections = f"rosters: {vector['name']}", vector["connections"]
        check(f"{name}, whole", lambda: follow(connections, lambda data: [data]))
        check(f"{name}, byte by byte", lambda: follow(connections, lambda data: [bytes([b]) for b in data]))


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    load = lambda name: json.loads((folder / f"{name}.json").read_text("utf-8"))  # noqa: E731
    for name in ("handshake", "setup", "updates", "reject"):
        run_good(name, load(name))
    for name in ("malformed-client", "malformed-server"):
        run_malformed(name, load(name))
    run_payloads(load("payloads"))
    run_urls(load("urls"))
    run_rosters(load("rosters"))
    for failure in failures[:50]:
        print("FAILED", failure)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
