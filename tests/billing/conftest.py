"""billing put together for tests: both stores, a clock that stands still, a provider and a catalog in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.postgres import Postgres
from services.billing.adapters.memory import MemoryStore
from services.billing.adapters.postgres import PostgresStore
from services.billing.domain.terms import Terms
from services.billing.ports import Store
from services.chassis.db import Database
from tests.billing.provider import FakeCatalog, FakeGateway
from tests.harness.databases import migrated

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TERMS = Terms("https://campus.example")


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def gateway(clock: FakeClock) -> FakeGateway:
    return FakeGateway(clock)


@pytest.fixture
def catalog() -> FakeCatalog:
    return FakeCatalog()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    with migrated(postgres, "billing") as found:
        yield found


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(request.getfixturevalue("database").writer)
