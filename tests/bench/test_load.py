"""The load generator against the echo: it counts what happened, and calls wrong answers failures."""

import socket
import threading
from collections.abc import Iterator
from itertools import count, repeat

import pytest

from deploy.local.pki import Pki
from tests.bench.load import Exchange, GrpcConnection, RestConnection, Result, headers, paced, run, tls_of
from tests.bench.rounds import Side, compare
from tests.bench.world import echo

SAME = headers("/campus.bench.Echo/Echo", {"x-request-id": "bench"})
UNKNOWN = headers("/campus.bench.Echo/Nothing", {})

Address = tuple[str, int]


@pytest.fixture(scope="module")
def served(pki: Pki) -> Iterator[tuple[Address, int]]:
    with echo(pki.of("catalog"), threads=2) as found:
        yield found


def connected(pki: Pki, address: Address, exchanges: Iterator[Exchange]) -> GrpcConnection:
    files = pki.of("gateway")
    return GrpcConnection(address, tls_of(files.cert, files.key, files.ca), exchanges)


def test_every_call_is_answered_and_counted_once(pki: Pki, served: tuple[Address, int]) -> None:
    asked = count()

    def exchanges() -> Iterator[Exchange]:
        for number in asked:
            message = b"%d" % number * 50
            yield Exchange(SAME, message, message)

    found = run([connected(pki, served[0], exchanges()) for _ in range(2)], in_flight=3, seconds=0.3)
    assert found.answers == next(asked) > 6
    assert found.failed == 0
    assert len(found.latencies) == found.answers
    assert 0 < found.quantile(0.5) <= found.quantile(0.99) <= max(found.latencies) < 5
    assert found.rate == pytest.approx(found.answers / found.seconds)


def test_an_answer_that_is_larger_than_a_frame_is_put_together(pki: Pki) -> None:
    with echo(pki.of("catalog"), threads=2, answer_bytes=50_000) as (address, _):
        exchange = Exchange(SAME, b"", b"\x0a" * 50_000)
        found = run([connected(pki, address, repeat(exchange))], in_flight=1, seconds=0.05)
    assert (found.answers > 0, found.failed) == (True, 0)


def test_an_answer_other_than_the_one_that_is_due_failed(pki: Pki, served: tuple[Address, int]) -> None:
    wrong = iter([Exchange(SAME, b"one", b"two"), Exchange(SAME, b"one", b"one"), Exchange(SAME, b"one", b"")])
    found = paced(connected(pki, served[0], wrong), rate=100, seconds=0.03)
    assert (found.answers, found.failed) == (3, 2)


def test_a_refused_call_failed_whatever_answer_is_due(pki: Pki, served: tuple[Address, int]) -> None:
    found = paced(connected(pki, served[0], repeat(Exchange(UNKNOWN, b"", None))), rate=100, seconds=0.05)
    assert (found.answers, found.failed) == (5, 5)


def test_a_pace_is_kept(pki: Pki, served: tuple[Address, int]) -> None:
    found = paced(connected(pki, served[0], repeat(Exchange(SAME, b"x", b"x"))), rate=100, seconds=0.5)
    assert (found.answers, found.failed) == (50, 0)
    assert found.seconds >= 0.49  # the last one is asked for after 49 hundredths


def test_a_server_that_leaves_is_trouble_and_no_result(pki: Pki) -> None:
    with echo(pki.of("catalog"), threads=2) as (address, _):
        connection = connected(pki, address, repeat(Exchange(SAME, b"", b"")))
    with pytest.raises(OSError):  # noqa: PT011  # a reset, a broken pipe or an end: whichever is seen first
        run([connection], in_flight=1, seconds=1)


def test_rest_answers_are_compared_whole() -> None:
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nax"]
    answers.append(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nab")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=_answer, args=(listening, answers))
        server.start()
        due = Exchange(b"", b"GET / HTTP/1.1\r\n\r\n", b"ab")
        connection, found = RestConnection(listening.getsockname(), repeat(due)), Result(1)
        connection.socket.settimeout(5)
        for number in range(3):
            connection.ask(1)
            while found.answers == number:
                connection.take(found)
        connection.socket.close()
        server.join()
    assert (found.answers, found.failed) == (3, 2)


def _answer(listening: socket.socket, answers: list[bytes]) -> None:
    connection, _ = listening.accept()
    with connection:
        for answer in answers:
            connection.recv(1000)
            connection.sendall(answer[:25])
            connection.sendall(answer[25:])


def test_two_that_are_alike_compare_as_equals(pki: Pki, served: tuple[Address, int]) -> None:
    address, pid = served
    said: list[str] = []
    exchange = Exchange(SAME, b"x", b"x")
    side = Side("echo", pid, lambda: [connected(pki, address, repeat(exchange))], in_flight=2)
    found = compare(side, side, rounds=3, seconds=0.2, say=said.append)
    assert 0.4 < found["cpu_ratio"] < 2.5
    assert found["failed"] == 0
    assert found["cpu_us"] > 1
    assert len(found["ratios"]) == len(said) == 3
