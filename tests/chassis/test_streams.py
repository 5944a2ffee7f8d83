"""Live streams over a real gRPC server and real clients."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from services.chassis.errors import Overloaded
from services.chassis.streams import LiveTopic, live
from tests.chassis.test_outbox import until


class Room:
    """A server whose Watch streams what is pushed to the key a client names, and a channel to it."""

    def __init__(self, **options: Any) -> None:
        defaults: dict[str, Any] = {"heartbeat": lambda: b"beat", "end": lambda: b"end", "every": 20.0}
        self.topic: LiveTopic[bytes] = LiveTopic("test", **{**defaults, **options})
        self.server = grpc.server(
            ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0), ("grpc.max_concurrent_streams", 1000)]
        )
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
            "Echo": grpc.unary_unary_rpc_method_handler(lambda request, context: request),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Live", handlers),))
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.address = f"127.0.0.1:{port}"
        self.channel = grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])

    @property
    def watch(self) -> Any:
        @live
        def watch(request: bytes, context: grpc.ServicerContext, send: Any) -> None:
            try:
                self.topic.subscribe(request.decode(), send, context, first=[b"hello " + request])
            except Overloaded:
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")

        return watch

    def open(self, key: str) -> Any:
        method: Any = self.channel.unary_stream("/test.Live/Watch")
        return method(key.encode(), timeout=30)

    def echo(self, payload: bytes) -> bytes:
        method: Any = self.channel.unary_unary("/test.Live/Echo")
        answer: bytes = method(payload, timeout=5)
        return answer

    def close(self) -> None:
        self.channel.close()
        self.server.stop(None)
        self.topic.close(0.1)


@pytest.fixture
def room() -> Iterator[Room]:
    opened = Room()
    yield opened
    opened.close()


def test_two_hundred_streams_need_few_threads_and_each_gets_its_own(room: Room) -> None:
    before = threading.active_count()
    streams = {f"user-{n}": room.open(f"user-{n}") for n in range(200)}
    for key, stream in streams.items():
        assert next(stream) == f"hello {key}".encode()
    # Only the server's own four threads may have come to life, and the client's poller.
    assert threading.active_count() - before <= 6
    assert room.echo(b"still quick") == b"still quick"
    started = time.monotonic()
    for key in streams:
        room.topic.push(key, b"for " + key.encode())
    for key, stream in streams.items():
        assert next(stream) == f"for {key}".encode()
    assert time.monotonic() - started < 2
    assert len(room.topic) == 200


def test_messages_arrive_in_order_at_all_streams_of_a_key_and_no_other(room: Room) -> None:
    mine, also_mine, other = room.open("a"), room.open("a"), room.open("b")
    for stream in (mine, also_mine, other):
        next(stream)
    for n in range(40):
        room.topic.push("a", str(n).encode())
    room.topic.push("b", b"other")
    for stream in (mine, also_mine):
        assert [next(stream) for _ in range(40)] == [str(n).encode() for n in range(40)]
    assert next(other) == b"other"


def test_who_leaves_is_noticed(room: Room) -> None:
    streams = [room.open("a") for _ in range(5)]
    for stream in streams:
        next(stream)
    assert len(room.topic) == 5
    streams[0].cancel()
    until(lambda: len(room.topic) == 4)
    room.channel.close()
    until(lambda: len(room.topic) == 0)


def test_a_quiet_stream_gets_heartbeats() -> None:
    room = Room(every=0.1)
    stream = room.open("a")
    assert [next(stream) for _ in range(4)] == [b"hello a", b"beat", b"beat", b"beat"]
    room.close()


def test_a_drain_says_that_it_ends_and_ends_well(room: Room) -> None:
    streams = [room.open(f"user-{n}") for n in range(20)]
    for stream in streams:
        next(stream)
    room.topic.push("user-0", b"last words")
    room.topic.close()
    assert list(streams[0]) == [b"last words", b"end"]
    for stream in streams[1:]:
        assert list(stream) == [b"end"]
        assert stream.code() is grpc.StatusCode.OK
    late = room.open("a")
    with pytest.raises(grpc.RpcError) as caught:
        next(late)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_streams_of_one_key_can_be_ended_alone(room: Room) -> None:
    gone, stays = room.open("gone"), room.open("stays")
    next(gone)
    next(stays)
    room.topic.end("gone")
    assert list(gone) == [b"end"]
    room.topic.push("stays", b"still here")
    assert next(stays) == b"still here"


@pytest.mark.parametrize(("options", "keys"), [({"per_key": 2}, "aaa"), ({"in_all": 2}, "abc")])
def test_more_streams_than_allowed_are_refused(options: dict[str, int], keys: str) -> None:
    room = Room(**options)
    held = [room.open(key) for key in keys[:2]]
    for stream in held:
        next(stream)
    with pytest.raises(grpc.RpcError) as caught:
        next(room.open(keys[2]))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    held[0].cancel()
    until(lambda: len(room.topic) == 1)
    assert next(room.open(keys[2])) == b"hello " + keys[2].encode()
    room.close()


@pytest.mark.parametrize("options", [{"patience": 0.3, "queued": 10_000}, {"patience": 60.0, "queued": 8}])
def test_clients_that_do_not_read_are_cut_and_nobody_waits_for_them(options: dict[str, Any]) -> None:
    room = Room(senders=2, **options)
    deaf = [room.open("deaf") for _ in range(2)]
    hearing = room.open("hearing")
    assert next(hearing) == b"hello hearing"
    until(lambda: len(room.topic) == 3)
    slowest = 0.0
    started = time.monotonic()
    while len(room.topic) > 1:
        assert time.monotonic() - started < 20
        pushed = time.monotonic()
        room.topic.push("deaf", b"x" * 1_000_000)
        slowest = max(slowest, time.monotonic() - pushed)
        time.sleep(0.01)
    room.topic.push("hearing", b"news")
    assert next(hearing) == b"news"
    assert slowest < 0.5
    for stream in deaf:
        with pytest.raises(grpc.RpcError):
            list(stream)
    room.close()


def test_a_key_can_be_ended_with_words_of_its_own(room: Room) -> None:
    mine, other = room.open("a"), room.open("b")
    for stream in (mine, other):
        next(stream)
    room.topic.end("a", b"revoked")
    assert list(mine) == [b"revoked"]
    room.topic.end("b")
    assert list(other) == [b"end"]
