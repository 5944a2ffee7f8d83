"""certification put together for tests: both stores, neighbours and an archive that keep their contracts, a clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.local.postgres import Postgres
from services.certification.adapters.memory import MemoryStore
from services.certification.adapters.postgres import PostgresStore
from services.certification.domain.certificate import Certificate, Completion
from services.certification.domain.code import new_code
from services.certification.domain.document import DocumentDamaged
from services.certification.ports import Store
from services.chassis.db import Database
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from tests.deploy.standins.storage.server import Server
from tests.harness.databases import migrated

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE = START - timedelta(hours=1)
PUBLIC_URL = "http://localhost:8080"


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


@dataclass
class FakeNeighbours:
    """Everyone who is asked, in one: what they know, and whether they answer. Asking counts."""

    completions: dict[tuple[str, str], Completion] = field(default_factory=dict)
    entitled: set[tuple[str, str]] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    @property
    def learning(self) -> "FakeNeighbours":
        return self

    billing = identity = catalog = learning

    def completion(self, user_id: str, course_id: str) -> Completion:
        self.asked += 1
        return self.completions.get((user_id, course_id), Completion(None, "", 0, 0, 0))

    def is_entitled(self, user_id: str, course_id: str) -> bool:
        self.asked += 1
        return (user_id, course_id) in self.entitled

    def name_of(self, user_id: str) -> str:
        self.asked += 1
        if user_id not in self.names:
            raise DependencyUnavailable(dependency="identity")
        return self.names[user_id]

    def title_of(self, course_id: str) -> str:
        self.asked += 1
        if course_id not in self.titles:
            raise DependencyUnavailable(dependency="catalog")
        return self.titles[course_id]

    def completes(self, name: str = "Ada Lovelace", title: str = "Engines", user_id: str = "") -> tuple[str, str]:
        """Someone with this name bought and completed a course with this title: both ids."""
        user_id, course_id = user_id or new_id(), new_id()
        self.names[user_id], self.titles[course_id] = name, title
        self.entitled.add((user_id, course_id))
        self.completions[user_id, course_id] = Completion(DONE, new_id(), 3, 10_000, 0)
        return user_id, course_id


class FakePress:
    """As deterministic as the real one, and counts."""

    def __init__(self) -> None:
        self.prints = 0
        self.ink = ""

    def printed(self, certificate: Certificate) -> bytes:
        self.prints += 1
        return f"%PDF {certificate.id} {certificate.holder_name} {self.ink}".encode()


class FakeArchive:
    """Objects by name; the first stands."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.broken = False

    def keep(self, name: str, data: bytes) -> bytes:
        if self.broken:
            raise DependencyUnavailable(dependency="storage")
        return self.objects.setdefault(name, data)

    def fetch(self, name: str) -> bytes:
        if name not in self.objects:
            raise DocumentDamaged(name)
        return self.objects[name]

    def link(self, name: str, file_name: str, expires_at: datetime) -> str:
        mark = sha256(f"{name} {file_name} {expires_at}".encode()).hexdigest()
        return f"http://storage/{name}?expires={int(expires_at.timestamp())}&signature={mark}"


def certificate(
    user_id: str = "", course_id: str = "", name: str = "Ada Lovelace", title: str = "Engines"
) -> Certificate:
    holder, course = (user_id or new_id(), name), (course_id or new_id(), title)
    return Certificate.issue(new_id(), new_code(), holder, course, Completion(DONE, new_id(), 3, 10_000, 0), START)


def added(store: Store, made: Certificate) -> Certificate:
    with store.begin() as tx:
        assert tx.certificates.add(made)
    return made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def neighbours() -> FakeNeighbours:
    return FakeNeighbours()


@pytest.fixture
def press() -> FakePress:
    return FakePress()


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    with migrated(postgres, "certification") as found:
        yield found


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(request.getfixturevalue("database").writer)


@pytest.fixture(scope="session")
def bucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running object storage."""
    folder: Path = tmp_path_factory.mktemp("storage")
    server = Server(folder).start()
    yield server
    server.stop()
