"""A load generator that costs little: prepared bytes over sockets, so that the server is what is measured.

It speaks just enough HTTP/2 (RFC 9113) for unary gRPC, and HTTP/1.1 with keep-alive for REST. Every answer is compared
with the one that is due, byte by byte; any other counts as failed.
"""

import selectors
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM = 0x0, 0x1, 0x4, 0x6, 0x7, 0x8, 0x3
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
MOST = (1 << 31) - 1
# No dynamic table and windows as large as they get: every answer is then encoded alike and nothing waits.
OUR_SETTINGS = struct.pack("!HIHI", 0x1, 0, 0x4, MOST)

# How `grpc-status: 0` looks without tables; an answer that ends otherwise failed.
STATUS_OK = b"\x0bgrpc-status\x010"
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call: headers (of gRPC) and message as they are sent, and the answer that is due; None: any good one."""

    header: bytes
    message: bytes
    answer: bytes | None


@dataclass
class Result:
    """What a run did."""

    seconds: float
    answers: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)

    def count(self, good: bool, seconds: float) -> None:
        self.answers += 1
        self.failed += not good
        self.latencies.append(seconds)

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


def _message(content: bytes) -> bytes:
    """A message as gRPC sends it: uncompressed, with its length before it."""
    return b"\x00" + struct.pack("!I", len(content)) + content


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def headers(method: str, metadata: dict[str, str]) -> bytes:
    """The header block of calls of this method."""
    fields = {":method": "POST", ":scheme": "https", ":path": method, ":authority": "localhost"}
    fields |= {"te": "trailers", "content-type": "application/grpc", **metadata}
    return b"".join(_literal(name, value) for name, value in fields.items())


class GrpcConnection:
    """One HTTP/2 connection with any number of unary calls in flight."""

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext, exchanges: Iterator[Exchange]) -> None:
        raw = socket.create_connection(address)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(raw, server_hostname="localhost")
        self._exchanges = exchanges
        self._stream = 1
        self._open: dict[int, tuple[float, bytes | None]] = {}
        self._bodies: dict[int, bytes] = {}
        self._buffer = b""
        window = _frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", MOST - 65535))
        self.socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, OUR_SETTINGS) + window)
        self.socket.setblocking(False)

    def ask(self, count: int) -> None:
        out = []
        for _ in range(count):
            exchange = next(self._exchanges)
            out.append(_frame(HEADERS, END_HEADERS, self._stream, exchange.header))
            out.append(_frame(DATA, END_STREAM, self._stream, _message(exchange.message)))
            due = None if exchange.answer is None else _message(exchange.answer)
            self._open[self._stream] = time.perf_counter(), due
            self._stream += 2
        if out:
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
        if kind == DATA:
            self._bodies[stream] = self._bodies.get(stream, b"") + payload
        elif kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM):
            started, due = self._open.pop(stream)
            body = self._bodies.pop(stream, b"")
            good = kind == HEADERS and STATUS_OK in payload and (due is None or body == due)
            result.count(good, time.perf_counter() - started)
            return 1
        elif kind == GOAWAY:
            raise ConnectionError("the server said goodbye")
        elif kind == SETTINGS and not flags & ACK:
            self._send(_frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self._send(_frame(PING, ACK, 0, payload))
        return 0

    def _send(self, data: bytes) -> None:
        self.socket.setblocking(True)
        self.socket.sendall(data)
        self.socket.setblocking(False)


class RestConnection:
    """One HTTP/1.1 connection with one request at a time."""

    def __init__(self, address: tuple[str, int], exchanges: Iterator[Exchange]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._exchanges, self._buffer, self._start = exchanges, b"", 0.0
        self._due: bytes | None = None
        self.socket.setblocking(False)

    def ask(self, count: int) -> None:
        if count:
            exchange = next(self._exchanges)
            self._due, self._start = exchange.answer, time.perf_counter()
            self.socket.send(exchange.message)

    def take(self, result: Result) -> int:
        chunk = self.socket.recv(1 << 16)
        if not chunk:
            raise ConnectionError("the gateway closed the connection")
        self._buffer += chunk
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return 0
        good = head.startswith(b"HTTP/1.1 200") and self._due in (None, body)
        result.count(good, time.perf_counter() - self._start)
        self._buffer = b""
        return 1


Connection = GrpcConnection | RestConnection


def run(connections: Sequence[Connection], in_flight: int, seconds: float) -> Result:
    """Keeps `in_flight` requests going on every connection for `seconds`, then lets the last ones come in."""
    start = time.perf_counter()
    result = Result(seconds)
    with selectors.DefaultSelector() as chosen:
        for connection in connections:
            chosen.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask(in_flight)
        waiting = in_flight * len(connections)
        while waiting:
            ready = chosen.select(PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"no answer in {PATIENCE_SECONDS:.0f} s; {waiting} requests are open")
            for key, _ in ready:
                done = key.data.take(result)
                running = time.perf_counter() - start < seconds
                key.data.ask(done if running else 0)
                waiting -= 0 if running else done
    result.seconds = time.perf_counter() - start
    return result


def paced(connection: Connection, rate: float, seconds: float) -> Result:
    """Starts `rate` calls a second, whatever becomes of those before."""
    start = time.perf_counter()
    result = Result(seconds)
    count, asked = int(rate * seconds), 0
    with selectors.DefaultSelector() as chosen:
        chosen.register(connection.socket, selectors.EVENT_READ, connection)
        while result.answers < count:
            if asked < count and time.perf_counter() >= start + asked / rate:
                connection.ask(1)
                asked += 1
                continue
            pause = max(0.0, start + asked / rate - time.perf_counter()) if asked < count else PATIENCE_SECONDS
            if chosen.select(pause):
                connection.take(result)
            elif asked == count:
                raise TimeoutError(f"no answer in {PATIENCE_SECONDS:.0f} s; {count - result.answers} requests are open")
    result.seconds = time.perf_counter() - start
    return result


def tls_of(cert: Path, key: Path, ca: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["h2"])
    return context
