"""A load generator that costs little: prepared bytes over sockets, so that the server is what is measured.

It speaks just enough HTTP/2 (RFC 9113) for unary gRPC, and HTTP/1.1 with keep-alive for REST. The first answer of a
connection is kept as the good one; every later answer must end as that one did, or it counts as failed.
"""

import selectors
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM = 0x0, 0x1, 0x4, 0x6, 0x7, 0x8, 0x3
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
MOST = (1 << 31) - 1
# No dynamic table and windows as large as they get: every answer is then encoded alike and nothing waits.
OUR_SETTINGS = struct.pack("!HIHI", 0x1, 0, 0x4, MOST)

Requests = Callable[[], Iterator[bytes]]


@dataclass
class Result:
    """What a run did."""

    seconds: float
    answers: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _integer(value: int, bits: int, first: int) -> bytes:
    """An integer in HPACK (RFC 7541 section 5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out = bytearray([first | limit])
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def _literal(name: str, value: str) -> bytes:
    """A header field that enters no table (RFC 7541 section 6.2.2)."""
    raw_name, raw_value = name.encode(), value.encode()
    return b"\x00" + _integer(len(raw_name), 7, 0) + raw_name + _integer(len(raw_value), 7, 0) + raw_value


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


class GrpcConnection:
    """One HTTP/2 connection with a fixed number of unary calls in flight."""

    def __init__(
        self, address: tuple[str, int], tls: ssl.SSLContext, method: str, metadata: dict[str, str], requests: Requests
    ) -> None:
        raw = socket.create_connection(address)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(raw, server_hostname="localhost")
        fields = {":method": "POST", ":scheme": "https", ":path": method, ":authority": "localhost"}
        fields |= {"te": "trailers", "content-type": "application/grpc", **metadata}
        self._header = b"".join(_literal(name, value) for name, value in fields.items())
        self._requests = requests()
        self._stream = 1
        self._started: dict[int, float] = {}
        self._buffer = b""
        self._good: bytes | None = None
        window = _frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", MOST - 65535))
        self.socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, OUR_SETTINGS) + window)
        self.socket.setblocking(False)

    def ask(self, count: int) -> None:
        out = []
        for _ in range(count):
            message = next(self._requests)
            body = b"\x00" + struct.pack("!I", len(message)) + message
            out.append(_frame(HEADERS, END_HEADERS, self._stream, self._header))
            out.append(_frame(DATA, END_STREAM, self._stream, body))
            self._started[self._stream] = time.perf_counter()
            self._stream += 2
        self._send(b"".join(out))

    def take(self, result: Result) -> int:
        """Reads what is there, counts finished calls, and says how many there were."""
        try:
            while chunk := self.socket.recv(1 << 16):
                self._buffer += chunk
            raise ConnectionError("the server closed the connection")
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        done, at = 0, 0
        while len(self._buffer) - at >= 9:
            length = int.from_bytes(self._buffer[at : at + 3], "big")
            if len(self._buffer) - at < 9 + length:
                break
            kind, flags = self._buffer[at + 3], self._buffer[at + 4]
            stream = int.from_bytes(self._buffer[at + 5 : at + 9], "big")
            done += self._frame(kind, flags, stream, self._buffer[at + 9 : at + 9 + length], result)
            at += 9 + length
        self._buffer = self._buffer[at:]
        return done

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes, result: Result) -> int:
        if kind == GOAWAY:
            raise ConnectionError("the server said goodbye")
        if kind == SETTINGS and not flags & ACK:
            self._send(_frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self._send(_frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM):
            self._good = self._good or payload
            result.answers += 1
            result.failed += kind == RST_STREAM or payload != self._good
            result.latencies.append(time.perf_counter() - self._started.pop(stream))
            return 1
        return 0

    def _send(self, data: bytes) -> None:
        self.socket.setblocking(True)
        self.socket.sendall(data)
        self.socket.setblocking(False)


class RestConnection:
    """One HTTP/1.1 connection with one request at a time."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._buffer, self._start = request, b"", 0.0
        self._good: int | None = None
        self.socket.setblocking(False)

    def ask(self, count: int) -> None:
        if count:
            self._start = time.perf_counter()
            self.socket.send(self._request)

    def take(self, result: Result) -> int:
        chunk = self.socket.recv(1 << 16)
        if not chunk:
            raise ConnectionError("the gateway closed the connection")
        self._buffer += chunk
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return 0
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return 0
        self._good = self._good or length
        result.answers += 1
        result.failed += not head.startswith(b"HTTP/1.1 200") or length != self._good
        result.latencies.append(time.perf_counter() - self._start)
        self._buffer = b""
        return 1


def run(connections: list[GrpcConnection] | list[RestConnection], in_flight: int, seconds: float) -> Result:
    """Keeps `in_flight` requests going on every connection for `seconds`, then lets the last ones come in."""
    chosen = selectors.DefaultSelector()
    for connection in connections:
        chosen.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask(in_flight)
    waiting = in_flight * len(connections)
    start = time.perf_counter()
    result = Result(seconds)
    last: deque[float] = deque(maxlen=1)
    while waiting:
        ready = chosen.select(timeout=10)
        if not ready:
            raise TimeoutError(f"no answer in 10 s; {waiting} requests are open")
        for key, _ in ready:
            done = key.data.take(result)
            running = time.perf_counter() - start < seconds
            key.data.ask(done if running else 0)
            waiting -= 0 if running else done
        last.append(time.perf_counter())
    result.seconds = last[0] - start
    for connection in connections:
        connection.socket.close()
    return result


def tls_of(cert: Path, key: Path, ca: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["h2"])
    return context
