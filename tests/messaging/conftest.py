"""messaging put together for tests: both stores, neighbours that keep their contracts, a clock that stands still."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from deploy.local.postgres import Postgres
from services.chassis.db import Database
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from services.messaging.adapters.memory import MemoryStore
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.letter import Letter, Recipient
from services.messaging.domain.notification import Channel, Kind, Notification, Text
from services.messaging.ports import Answer, Store, Verdict
from tests.deploy.standins.mail.post_office import PostOffice
from tests.harness.databases import migrated, owner_url

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SITE = "http://localhost:8080"
BOTH = (Channel.IN_APP, Channel.EMAIL)


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


class FakeUsers:
    """Accounts by id; may be out of reach."""

    def __init__(self) -> None:
        self.kept: dict[str, Recipient] = {}
        self.away = False

    def has(self, name: str = "Ada", email: str = "ada@example.com") -> str:
        user_id = new_id()
        self.kept[user_id] = Recipient(name, email)
        return user_id

    def find(self, user_id: str) -> Recipient | None:
        if self.away:
            raise DependencyUnavailable
        return self.kept.get(user_id)


class FakeCourses:
    """Titles by course; may be out of reach."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.away = False

    def has(self, title: str) -> str:
        course_id = new_id()
        self.kept[course_id] = title
        return course_id

    def title(self, course_id: str) -> str:
        if self.away:
            raise DependencyUnavailable
        return self.kept.get(course_id, "")


@dataclass
class Heard:
    """Remembers what was announced."""

    notifications: list[Notification] = field(default_factory=list)

    def made(self, notification: Notification) -> None:
        self.notifications.append(notification)


@dataclass
class FakeMailer:
    """Answers as told, and keeps what it was shown."""

    answers: list[Answer] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter) -> Answer:
        self.letters.append(letter)
        return self.answers.pop(0) if self.answers else Answer(Verdict.ACCEPTED)


def notification(
    user_id: str = "", channels: tuple[Channel, ...] = BOTH, event_id: str | None = None, at: datetime = START
) -> Notification:
    return Notification(
        id=new_id(),
        user_id=user_id or new_id(),
        kind=Kind.WELCOME if event_id else Kind.MESSAGE,
        about_id="",
        event_id=event_id,
        channels=channels,
        text=Text("Hello", "Good to see you."),
        created_at=at,
    )


def stored(store: Store, made: Notification) -> list[Delivery]:
    """Stores a notification and its deliveries, which are returned."""
    found = [Delivery.of(new_id(), made, channel) for channel in made.channels]
    with store.begin() as tx:
        assert tx.notifications.add(made)
        for delivery in found:
            tx.deliveries.add(delivery)
    return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def users() -> FakeUsers:
    return FakeUsers()


@pytest.fixture
def courses() -> FakeCourses:
    return FakeCourses()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def mailer() -> FakeMailer:
    return FakeMailer()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    with migrated(postgres, "messaging") as found:
        yield found


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(request.getfixturevalue("database").writer)


@pytest.fixture
def everything_stored(postgres: Postgres, database: Database) -> Callable[[], str]:
    """All that the service's database holds, as text."""

    def read() -> str:
        with psycopg.connect(owner_url(postgres, "messaging")) as owner:
            tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return "\n".join(
                str(row) for (table,) in tables for row in owner.execute(f'SELECT t::text FROM "{table}" t'.encode())
            )

    return read


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    """A mail server with an inbox; tests write to addresses of their own."""
    found = PostOffice(tmp_path_factory.mktemp("mail")).start()
    yield found
    found.stop()
