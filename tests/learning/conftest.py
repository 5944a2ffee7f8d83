"""learning put together for tests: both stores, neighbours that keep their contracts, a clock that stands still."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.postgres import Postgres
from services.chassis.db import Database
from services.kernel.ids import new_id
from services.learning.adapters.memory import MemoryStore
from services.learning.adapters.postgres import PostgresStore
from services.learning.domain.enrollment import Enrollment, Entitlement, Source
from services.learning.domain.errors import CourseNotAvailable, CourseNotFound, NotEntitled
from services.learning.domain.outline import Lesson, LessonKind, Outline
from services.learning.ports import Outcome, Record, Store
from tests.harness.databases import migrated

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


class FakeCatalog:
    """Published versions by course; a draft has none."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Outline]] = {}

    def publish(self, lengths: tuple[int, ...] = (100_000, 0), course_id: str = "") -> Outline:
        """A version with a video of each length, and an article for each 0."""
        versions = self.versions.setdefault(course_id or new_id(), [])
        course_id = next(key for key, value in self.versions.items() if value is versions)
        versions.append(outline(lengths, course_id, len(versions) + 1))
        return versions[-1]

    def draft(self) -> str:
        course_id = new_id()
        self.versions[course_id] = []
        return course_id

    def latest_outline(self, course_id: str) -> Outline:
        if course_id not in self.versions:
            raise CourseNotFound(course_id=course_id)
        if not self.versions[course_id]:
            raise CourseNotAvailable(course_id=course_id)
        return self.versions[course_id][-1]


class FakeBilling:
    """Entitlements that live until they are taken back; courses in `priced` aren't given away."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self.catalog = catalog
        self.priced: set[str] = set()
        self.live: dict[tuple[str, str], list[Entitlement]] = {}

    def sell(self, user_id: str, course_id: str) -> Entitlement:
        return self._grant(user_id, course_id, Entitlement(new_id(), Source.PURCHASE, new_id()))

    def refund(self, user_id: str, course_id: str, entitlement: Entitlement) -> None:
        self.live[user_id, course_id].remove(entitlement)

    def live_entitlement(self, user_id: str, course_id: str) -> Entitlement | None:
        return next(iter(self.live.get((user_id, course_id), [])), None)

    def grant_free(self, user_id: str, course_id: str) -> Entitlement:
        self.catalog.latest_outline(course_id)
        if living := self.live_entitlement(user_id, course_id):
            return living
        if course_id in self.priced:
            raise NotEntitled(course_id=course_id)
        return self._grant(user_id, course_id, Entitlement(new_id(), Source.FREE))

    def _grant(self, user_id: str, course_id: str, entitlement: Entitlement) -> Entitlement:
        self.live.setdefault((user_id, course_id), []).append(entitlement)
        return entitlement


class DirectHeartbeats:
    """A transaction for each."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self._store, self._clock = store, clock

    def record(self, record: Record) -> Outcome:
        with self._store.begin() as tx:
            return tx.progress.record([record], self._clock())[0]


def outline(lengths: tuple[int, ...], course_id: str = "", version: int = 1) -> Outline:
    kinds = [LessonKind.VIDEO if length else LessonKind.ARTICLE for length in lengths]
    lessons = tuple(Lesson(new_id(), kind, length) for kind, length in zip(kinds, lengths, strict=True))
    return Outline(course_id or new_id(), version, lessons)


def enrolled(store: Store, course: Outline, user_id: str = "") -> Enrollment:
    """Someone who bought the course."""
    entitlement = Entitlement(new_id(), Source.PURCHASE, new_id())
    enrollment = Enrollment.enrol(new_id(), user_id or new_id(), course, entitlement, START)
    with store.begin() as tx:
        tx.enrollments.add(enrollment, course)
    return enrollment


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def catalog() -> FakeCatalog:
    return FakeCatalog()


@pytest.fixture
def billing(catalog: FakeCatalog) -> FakeBilling:
    return FakeBilling(catalog)


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    with migrated(postgres, "learning") as found:
        yield found


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(request.getfixturevalue("database").writer)
