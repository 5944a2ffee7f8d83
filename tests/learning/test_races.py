"""Many at once against PostgreSQL: what must happen once happens once, and nobody waits for ever."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from services.chassis.db import Database
from services.kernel.clock import system_clock
from services.kernel.ids import new_id
from services.learning import commands, queries
from services.learning.adapters.heartbeats import GroupedHeartbeats
from services.learning.adapters.places import RememberedPlaces
from services.learning.adapters.postgres import PostgresStore
from services.learning.domain.enrollment import Enrollment, State
from services.learning.domain.outline import Outline
from services.learning.domain.progress import Operation, entry
from services.learning.domain.standing import CourseStanding
from services.learning.ports import Record
from tests.harness.databases import announced
from tests.learning.conftest import START, FakeBilling, FakeCatalog, enrolled, outline

T = TypeVar("T")
AT_ONCE = 8


def at_once(*work: Callable[[], T]) -> list[T]:
    """Runs all of it at the same time."""
    barrier = threading.Barrier(len(work))

    def started(each: Callable[[], T]) -> T:
        barrier.wait()
        return each()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(started, work))


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database.writer)


@pytest.fixture
def heartbeats(database: Database) -> Iterator[GroupedHeartbeats]:
    found = GroupedHeartbeats(database.writer, system_clock)
    yield found
    found.close()


def state_of(database: Database, enrollment: Enrollment) -> CourseStanding:
    return queries.get_progress(queries.GetProgress(enrollment.user_id, enrollment.id), database.reader)


def done(course: Outline, number: int) -> Operation:
    return Operation(new_id(), course.lessons[number].id, START)


def test_a_learner_is_enrolled_once_by_many_calls_and_an_event(
    database: Database, store: PostgresStore, billing: FakeBilling, catalog: FakeCatalog
) -> None:
    for _ in range(5):
        course, ada = catalog.publish(), new_id()
        sold = billing.sell(ada, course.course_id)
        enroll = commands.Enroll(ada, course.course_id)
        admit = commands.Admit(ada, course.course_id, sold, START, None)
        calls: list[Callable[[], object]] = [
            lambda enroll=enroll: commands.enroll(enroll, store, billing, catalog, system_clock).id  # type: ignore[misc]
        ] * (AT_ONCE - 1)
        at_once(*calls, lambda admit=admit: commands.admit(admit, store, catalog, system_clock))  # type: ignore[misc]
    assert announced(database) == ["EnrollmentCreated"] * 5


def test_the_last_two_lessons_completed_at_once_complete_the_course_once(
    database: Database, store: PostgresStore
) -> None:
    for _ in range(10):
        course = outline((1000, 0))
        ada = enrolled(store, course)

        def finish(number: int, course: Outline = course, ada: Enrollment = ada) -> CourseStanding:
            command = commands.RecordProgress(ada.user_id, ada.id, (done(course, number),))
            return commands.record_progress(command, store, system_clock)

        at_once(lambda: finish(0), lambda: finish(1), lambda: finish(0), lambda: finish(1))
        assert state_of(database, ada).state is State.COMPLETED
    told = announced(database)
    assert (told.count("LessonCompleted"), told.count("CourseCompleted")) == (20, 10)


def test_the_second_to_complete_waits_for_the_first_and_sees_what_it_did(store: PostgresStore) -> None:
    course = outline((1000, 0))
    ada = enrolled(store, course)
    first, second = (Record(ada.id, entry(done(course, number), course)) for number in (0, 1))
    held = threading.Event()

    def finish_second() -> CourseStanding:
        held.wait()
        with store.begin() as tx:
            tx.progress.record([second], START)
            return tx.progress.standing(ada.id)

    with ThreadPoolExecutor(1) as other:
        with store.begin() as tx:
            tx.progress.record([first], START)
            assert tx.progress.standing(ada.id).state is State.IN_PROGRESS
            waiting = other.submit(finish_second)
            held.set()
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        assert waiting.result(timeout=5).state is State.COMPLETED


def test_heartbeats_at_once_are_each_durable_and_complete_the_course_once(
    database: Database, store: PostgresStore, heartbeats: GroupedHeartbeats
) -> None:
    course = outline((10_000,))
    learners = [enrolled(store, course) for _ in range(4)]
    places = RememberedPlaces(store)
    lesson = course.lessons[0].id

    def play(ada: Enrollment) -> list[bool]:
        beats = [Operation(new_id(), lesson, START, (n * 1000, n * 1000 + 1000)) for n in range(10)]
        sent = [commands.RecordHeartbeat(ada.user_id, ada.id, beat) for beat in (*beats, *beats)]
        return [commands.record_heartbeat(beat, places, heartbeats) for beat in sent]

    for answers in at_once(*(lambda ada=ada: play(ada) for ada in learners)):
        assert answers == [False] * 10 + [True] * 10
    for ada in learners:
        assert state_of(database, ada).lessons[0].spent_ms == 10_000
        assert state_of(database, ada).state is State.COMPLETED
    assert sorted(announced(database))[:4] == ["CourseCompleted"] * 4
    assert announced(database).count("LessonCompleted") == 4


def test_the_same_heartbeat_sent_twice_at_once_is_recorded_once(
    store: PostgresStore, heartbeats: GroupedHeartbeats
) -> None:
    course = outline((10_000,))
    ada, places = enrolled(store, course), RememberedPlaces(store)
    beat = Operation(new_id(), course.lessons[0].id, START, (0, 1000))
    command = commands.RecordHeartbeat(ada.user_id, ada.id, beat)
    answers = at_once(*[lambda: commands.record_heartbeat(command, places, heartbeats)] * AT_ONCE)
    assert sorted(answers) == [False] + [True] * (AT_ONCE - 1)


def test_requests_and_heartbeats_over_the_same_lessons_never_block_each_other_for_ever(
    database: Database, store: PostgresStore, heartbeats: GroupedHeartbeats
) -> None:
    course = outline((50_000,) * 4)
    ada, places = enrolled(store, course), RememberedPlaces(store)

    def part(n: int, lesson: int) -> Operation:
        return Operation(new_id(), course.lessons[lesson].id, START, (n * 1000, n * 1000 + 1000))

    def requests(order: list[int]) -> None:
        for n in range(50):
            sent = tuple(part(n, lesson) for lesson in order)
            commands.record_progress(commands.RecordProgress(ada.user_id, ada.id, sent), store, system_clock)

    def beats(lesson: int) -> None:
        for n in range(50):
            command = commands.RecordHeartbeat(ada.user_id, ada.id, part(n, lesson))
            commands.record_heartbeat(command, places, heartbeats)

    at_once(lambda: requests([0, 1, 2, 3]), lambda: requests([3, 2, 1, 0]), lambda: beats(0), lambda: beats(3))
    found = state_of(database, ada)
    assert [lesson.spent_ms for lesson in found.lessons] == [150_000, 100_000, 100_000, 150_000]
    assert found.state is State.COMPLETED
    assert announced(database).count("CourseCompleted") == 1
