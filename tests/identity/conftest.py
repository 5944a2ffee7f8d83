"""identity put together for tests: both stores, a quick hasher, a clock that stands still."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.postgres import Postgres
from services.chassis.db import Database
from services.identity.adapters.memory import MemoryStore
from services.identity.adapters.postgres import PostgresStore
from services.identity.adapters.tokens import JwtIssuer
from services.identity.ports import Store
from tests.harness.databases import migrated

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


class QuickHasher:
    """Keeps the promise of the port without taking its time."""

    def hash(self, password: str) -> str:
        return f"hashed:{password[::-1]}"

    def matches(self, password: str, password_hash: str | None) -> bool:
        return password_hash == self.hash(password)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hasher() -> QuickHasher:
    return QuickHasher()


@pytest.fixture
def issuer() -> JwtIssuer:
    return JwtIssuer(Ed25519PrivateKey.generate(), "https://campus", "campus")


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    with migrated(postgres, "identity") as found:
        yield found


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(request.getfixturevalue("database").writer)
