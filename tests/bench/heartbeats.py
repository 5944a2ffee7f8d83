"""Heartbeats: each a committed row of its own, against the echo of the same messages."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from campus.learning.v1 import progress_service_pb2 as progress_pb

from tests.bench import processes
from tests.bench.load import Connection, Exchange, GrpcConnection, headers, tls_of
from tests.bench.rounds import Say, Side, compare
from tests.bench.world import LEARNING_THREADS, VIDEO_SECONDS, World, address, echo

RECORD = "/campus.learning.v1.ProgressService/RecordHeartbeat"
CONNECTIONS, IN_FLIGHT = 8, 8
BEAT_MS = 10_000
# Half of the video again and again: no lesson is completed, so that every beat costs the same.
BEATS_A_LESSON = VIDEO_SECONDS * 500 // BEAT_MS

_ROWS = "SELECT count(*) FROM progress_events WHERE enrollment_id = ANY(%s::uuid[])"


def durable(world: World, rounds: int, seconds: float, say: Say) -> dict[str, Any]:
    pid = world.mesh.process("learning").pid
    assert pid
    students = [world.enrol() for _ in range(CONNECTIONS * IN_FLIGHT)]
    ours = _connecting(world, address(world.mesh.address("learning")), RECORD, students)
    with echo(world.mesh.identity("learning"), LEARNING_THREADS, 0) as (where, bare):
        for each in (pid, bare):
            processes.pin(each, processes.SERVER_CORE)
        theirs = _connecting(world, where, "/campus.bench.Echo/Echo", students)
        subject, other = Side("heartbeat", pid, ours, IN_FLIGHT), Side("echo", bare, theirs, IN_FLIGHT)
        found = compare(subject, other, rounds, seconds, say)
    rows = world.query("learning", _ROWS, [enrollment for enrollment, _ in students])[0][0]
    if rows != found["answers"]:
        raise AssertionError(f"{found['answers']} heartbeats were answered and {rows} rows are there")
    return found | {"rows": rows, "threads": LEARNING_THREADS}


def _connecting(world: World, where: tuple[str, int], method: str, students: list[tuple[str, str]]) -> Any:
    lesson = world.course["modules"][0]["lessons"][0]["lessonId"]
    beats = [
        _beats(headers(method, world.metadata(token)), enrollment, lesson, world.random.getrandbits(64))
        for enrollment, token in students
    ]
    files = world.mesh.identity()
    tls = tls_of(files.cert, files.key, files.ca)

    def connect() -> list[Connection]:
        groups = [beats[number::CONNECTIONS] for number in range(CONNECTIONS)]
        return [GrpcConnection(where, tls, _in_turn(group)) for group in groups]

    return connect


def _in_turn(sources: list[Iterator[Exchange]]) -> Iterator[Exchange]:
    while True:
        for source in sources:
            yield next(source)


def _beats(header: bytes, enrollment_id: str, lesson_id: str, operations: int) -> Iterator[Exchange]:
    """What the player of one student reports: ten seconds more each time, under an id never used before."""
    beat = progress_pb.RecordHeartbeatRequest(enrollment_id=enrollment_id)
    operation = beat.operation
    operation.lesson_id = lesson_id
    operation.occurred_at.FromSeconds(int(time.time()))
    first, second = f"{operations:016x}"[:8], f"{operations:016x}"[8:]
    for number in count():
        operation.operation_id = f"{first}-{second[:4]}-4{second[5:]}-8000-{number:012x}"
        at = number % BEATS_A_LESSON * BEAT_MS
        operation.watched.from_ms, operation.watched.to_ms = at, at + BEAT_MS
        yield Exchange(header, beat.SerializeToString(), b"")
