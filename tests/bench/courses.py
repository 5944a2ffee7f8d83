"""GetCourse: from the database, from memory, and over REST through the gateway; each against the echo."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import httpx
from campus.catalog.v1 import course_service_pb2 as course_pb

from tests.bench import processes
from tests.bench.load import Connection, Exchange, GrpcConnection, RestConnection, headers, tls_of
from tests.bench.rounds import Say, Side, compare
from tests.bench.world import CATALOG_THREADS, GET_COURSE, LESSONS, PINNED_THREADS, World, address, echo, pinned_catalog

CONNECTIONS, IN_FLIGHT = 8, 4


def from_database(world: World, rounds: int, seconds: float, say: Say) -> dict[str, Any]:
    with pinned_catalog(world.mesh, cache_seconds=0) as (where, pid):
        return _grpc(world, where, pid, rounds, seconds, say)


def from_memory(world: World, rounds: int, seconds: float, say: Say) -> dict[str, Any]:
    with pinned_catalog(world.mesh, cache_seconds=30) as (where, pid):
        return _grpc(world, where, pid, rounds, seconds, say)


def over_rest(world: World, rounds: int, seconds: float, say: Say) -> dict[str, Any]:
    """To the mesh's own catalog, as a signed-in student, over HTTP/1.1 connections that stay open."""
    catalog, gateway = world.mesh.process("catalog").pid, world.mesh.process("gateway").pid
    assert catalog
    assert gateway
    token = world.token(world.new_id())
    path = f"/v1/courses/{world.course['courseId']}"
    answer = httpx.get(world.mesh.url + path, headers={"authorization": f"Bearer {token}"}).raise_for_status()
    if sum(len(module["lessons"]) for module in answer.json()["modules"]) != LESSONS:
        raise AssertionError(f"this is not the course: {answer.text}")
    lines = [f"GET {path} HTTP/1.1", "host: localhost", "accept: application/json", f"authorization: Bearer {token}"]
    exchange = Exchange(b"", "\r\n".join([*lines, "", ""]).encode(), answer.content)
    port = world.mesh.plan.ports["gateway"]

    def connect() -> list[Connection]:
        return [RestConnection(("127.0.0.1", port), repeat(exchange)) for _ in range(CONNECTIONS * IN_FLIGHT)]

    plain = world.course_answer(world.mesh.address("catalog"))
    with echo(world.mesh.identity("catalog"), CATALOG_THREADS, len(plain)) as (where, pid):
        processes.pin(catalog, processes.SERVER_CORE)
        processes.pin(pid, processes.SERVER_CORE)
        bare = Side("echo", pid, _asking(world, where, len(plain)), IN_FLIGHT)
        before = processes.cpu_seconds(gateway)
        found = compare(Side("REST", catalog, connect, 1), bare, rounds, seconds, say)
        spent = processes.cpu_seconds(gateway) - before
    return found | {"gateway_cpu_us": round(spent / found["answers"] * 1e6, 1)}


def _grpc(world: World, where: str, pid: int, rounds: int, seconds: float, say: Say) -> dict[str, Any]:
    """As a signed-in student, with the metadata that the gateway sends on; the echo is sent the same."""
    answer = world.course_answer(where)
    with echo(world.mesh.identity("catalog"), PINNED_THREADS, len(answer)) as (bare, bare_pid):
        for each in (pid, bare_pid):
            processes.pin(each, processes.SERVER_CORE)
        subject = Side("GetCourse", pid, _asking(world, address(where), answer, GET_COURSE), IN_FLIGHT)
        found = compare(
            subject, Side("echo", bare_pid, _asking(world, bare, len(answer)), IN_FLIGHT), rounds, seconds, say
        )
    return found | {"answer_bytes": len(answer), "threads": PINNED_THREADS}


def _asking(world: World, where: tuple[str, int], due: bytes | int, method: str = "/campus.bench.Echo/Echo") -> Any:
    """Makes connections that ask for the course again and again, each of them as another student."""
    message = course_pb.GetCourseRequest(course_id=world.course["courseId"]).SerializeToString()
    answer = due if isinstance(due, bytes) else b"\x0a" * due
    blocks = [headers(method, world.metadata(world.token(world.new_id()))) for _ in range(CONNECTIONS)]
    files = world.mesh.identity()
    tls = tls_of(files.cert, files.key, files.ca)

    def connect() -> list[Connection]:
        return [GrpcConnection(where, tls, _same(Exchange(block, message, answer))) for block in blocks]

    return connect


def _same(exchange: Exchange) -> Iterator[Exchange]:
    return repeat(exchange)
