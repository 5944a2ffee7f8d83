"""catalog put together for tests: both stores, a clock that stands still, learning as far as catalog asks it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.postgres import Postgres
from services.catalog.adapters.memory import MemoryStore
from services.catalog.adapters.postgres import PostgresStore
from services.catalog.domain.caller import Caller
from services.catalog.ports import Store
from services.chassis.db import Database
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from tests.harness.databases import migrated

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANYONE = Caller()


def instructor() -> Caller:
    return Caller(new_id(), frozenset({"instructor"}))


def admin() -> Caller:
    return Caller(new_id(), frozenset({"admin"}))


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


class FakeEnrollments:
    """Knows who is enrolled in what, as learning does, and how often it was asked."""

    def __init__(self) -> None:
        self.known: set[tuple[str, str]] = set()
        self.asked = 0
        self.reachable = True

    def enrolled(self, user_id: str, course_id: str) -> bool:
        self.asked += 1
        if not self.reachable:
            raise DependencyUnavailable
        return (user_id, course_id) in self.known


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def enrollments() -> FakeEnrollments:
    return FakeEnrollments()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    with migrated(postgres, "catalog") as found:
        yield found


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(request.getfixturevalue("database").writer)
