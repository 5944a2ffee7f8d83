"""How long an event takes from its commit to the commit of its effect in another service."""

import math
import time
from collections.abc import Iterator
from typing import Any

from campus.billing.v1 import billing_internal_service_pb2 as billing_pb

from tests.bench import processes
from tests.bench.load import Exchange, GrpcConnection, headers, paced, tls_of
from tests.bench.rounds import Say
from tests.bench.world import World, address, spread_out

GRANT = "/campus.billing.v1.BillingInternalService/GrantFreeEntitlement"
PER_SECOND = 200
PATIENCE_SECONDS = 20
HOW = (
    "from the commit of billing's GrantFreeEntitlement to the commit of the enrolment that learning makes of "
    "EntitlementGranted, both as PostgreSQL remembers them (track_commit_timestamp): one clock"
)

_COMMITTED = """
SELECT o.id::text, extract(epoch FROM pg_xact_commit_timestamp(e.xmin))::float8
FROM outbox o JOIN entitlements e ON e.id::text = o.aggregate_id
WHERE e.user_id = ANY(%s::uuid[])
"""
_HANDLED = """
SELECT event_id::text, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8
FROM inbox WHERE event_id = ANY(%s::uuid[])
"""
_ENROLLED = "SELECT count(*) FROM enrollments WHERE user_id = ANY(%s::uuid[])"


def latency(world: World, seconds: float, say: Say) -> dict[str, Any]:
    spread_out(world.mesh)
    users = [world.new_id() for _ in range(int(PER_SECOND * seconds))]
    result = _grant(world, users, seconds)
    committed = dict(world.query("billing", _COMMITTED, users))
    handled = _await_effects(world, list(committed))
    enrolled = world.query("learning", _ENROLLED, users)[0][0]
    say(f"{result.answers} commands in {result.seconds:.1f} s, {len(handled)} events had their effect")
    if not len(users) == result.answers == len(committed) == len(handled) == enrolled:
        raise AssertionError(
            f"{len(users)} entitlements asked for, {result.answers} answered, {len(committed)} events announced, "
            f"{len(handled)} handled, {enrolled} enrolments"
        )
    taken = sorted((handled[event] - at) * 1000 for event, at in committed.items())
    return {
        "p50": _quantile(taken, 0.5),
        "p99": _quantile(taken, 0.99),
        "max": round(taken[-1], 1),
        "events": len(taken),
        "per_second": round(result.rate, 1),
        "command_p50_ms": round(result.quantile(0.5) * 1000, 2),
        "command_p99_ms": round(result.quantile(0.99) * 1000, 2),
        "answers": result.answers,
        "failed": result.failed,
        "load": processes.load(),
        "how": HOW,
    }


def _grant(world: World, users: list[str], seconds: float) -> Any:
    files = world.mesh.identity("learning")  # whom alone billing lets do it
    tls = tls_of(files.cert, files.key, files.ca)
    trace = {name: value for name, value in world.metadata("").items() if name != "authorization"}
    header = headers(GRANT, trace)

    def exchanges() -> Iterator[Exchange]:
        for user in users:
            asked = billing_pb.GrantFreeEntitlementRequest(user_id=user, course_id=world.course["courseId"])
            yield Exchange(header, asked.SerializeToString(), None)

    connection = GrpcConnection(address(world.mesh.address("billing")), tls, exchanges())
    try:
        return paced(connection, PER_SECOND, seconds)
    finally:
        connection.socket.close()


def _await_effects(world: World, events: list[str]) -> dict[str, float]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        handled = dict(world.query("learning", _HANDLED, events))
        if len(handled) == len(events) or time.monotonic() > deadline:
            return handled
        time.sleep(0.2)


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[math.ceil(len(ordered) * share) - 1], 1)
