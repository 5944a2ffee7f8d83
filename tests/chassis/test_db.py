"""The reader's rows and the writer's unit of work, against a real PostgreSQL."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from campus.identity.v1.events_pb2 import UserRegistered
from sqlalchemy.dialects.postgresql import ARRAY

from deploy.local.postgres import Postgres
from services.chassis import tables
from services.chassis.db import Database, Work, Writer
from services.chassis.driver import ConstraintBroken, StatementFailed
from services.chassis.reader import Reader
from services.chassis.telemetry import in_trace
from services.kernel.errors import DependencyUnavailable, RequestIdReused, StaleVersion
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey
from tests.chassis.conftest import State, Urls, courses

Owner = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Course:
    id: str
    slug: str
    state: State
    facts: dict[str, int]
    changed_at: datetime


COURSE = sa.select(courses.c.id, courses.c.slug, courses.c.state, courses.c.facts, courses.c.changed_at)
BY_ID = COURSE.where(courses.c.id == sa.bindparam("id"))
LIVE = COURSE.where(courses.c.state == State.LIVE).order_by(courses.c.slug).limit(sa.bindparam("limit", 100))
IDS = sa.bindparam("ids", type_=ARRAY(sa.Uuid(as_uuid=False)))
AMONG = COURSE.where(courses.c.id == IDS.any_()).order_by(courses.c.slug)


def count(owner: Owner, table: str) -> int:
    row = owner.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    return int(row[0])


def add(work: Work, slug: str, **values: object) -> str:
    course_id = new_id()
    work.execute(sa.insert(courses).values(id=course_id, slug=slug, state=State.LIVE, facts={"lessons": 3}, **values))
    return course_id


def together(n: int, do: Callable[[int], object]) -> list[Any]:
    """Runs `do` on n threads that start at once; an exception is a result."""
    line = threading.Barrier(n)

    def one(i: int) -> object:
        line.wait()
        try:
            return do(i)
        except Exception as error:  # noqa: BLE001 - the test judges it
            return error

    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(one, range(n)))


def announced(work: Work) -> str:
    work.announce(UserRegistered(user_id="u"), "u", 1)
    return "u"


def fail_after(*_done: object) -> None:
    raise ZeroDivisionError


def test_rows_arrive_flat_frozen_and_in_natural_types(database: Database) -> None:
    changed = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with database.writer.begin() as work:
        course_id = add(work, "python", changed_at=changed)
    expected = Course(course_id, "python", State.LIVE, {"lessons": 3}, changed)
    assert database.reader.one(BY_ID, Course, {"id": course_id}) == expected
    assert database.reader.one(BY_ID, Course, {"id": new_id()}) is None
    assert database.reader.all(LIVE, Course) == [expected]


def test_values_in_the_statement_and_parameters_join(database: Database) -> None:
    with database.writer.begin() as work:
        ids = [add(work, slug) for slug in ("a", "b", "c")]
    for n in (1, 2, 3, 1):
        assert len(database.reader.all(LIVE, Course, {"limit": n})) == n
        assert [c.id for c in database.reader.all(AMONG, Course, {"ids": ids[:n]})] == ids[:n]
    assert len(database.reader.all(LIVE, Course)) == 3


def test_a_bad_id_is_a_failed_statement_that_tells_nothing(database: Database) -> None:
    with pytest.raises(StatementFailed) as caught:
        database.reader.one(BY_ID, Course, {"id": "anna@example.org"})
    assert "anna" not in str(caught.value)
    assert "SELECT" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_reader_can_not_write(database: Database, owner: Owner) -> None:
    insertion = sa.insert(courses).values(id=new_id(), slug="x").returning(courses.c.id)
    writing = sa.select(insertion.cte().c.id)
    with pytest.raises(StatementFailed):
        database.reader.all(writing, str)
    assert count(owner, "courses") == 0


def test_an_exception_leaves_no_trace(database: Database, owner: Owner) -> None:
    with pytest.raises(ZeroDivisionError), database.writer.begin() as work:
        fail_after(add(work, "gone"), announced(work))
    assert (count(owner, "courses"), count(owner, "outbox")) == (0, 0)


def test_what_is_announced_is_stored_with_the_change_and_then_wakes_the_relay(database: Database, owner: Owner) -> None:
    seen_at_wake = []
    database.writer.wakes(lambda: seen_at_wake.append(count(owner, "outbox")))
    with database.writer.begin() as work:
        add(work, "quiet")
    assert seen_at_wake == []
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    with in_trace(trace, "corr-1", "user-1"), database.writer.begin() as work:
        work.announce(UserRegistered(user_id="u1"), "u1", 1)
        work.announce(UserRegistered(user_id="u1"), "u1", 2)
    assert seen_at_wake == [2]
    rows = owner.execute("SELECT subject, payload, headers, aggregate_version FROM outbox ORDER BY seq").fetchall()
    assert [row[3] for row in rows] == [1, 2]
    subject, payload, headers, _ = rows[0]
    assert subject == "campus.identity.v1.UserRegistered"
    assert UserRegistered.FromString(payload).user_id == "u1"
    assert headers["actor"] == "user-1"
    assert headers["correlation-id"] == "corr-1"
    assert headers["traceparent"][:36] == trace[:36]


def test_of_many_writers_over_one_version_one_wins(database: Database) -> None:
    with database.writer.begin() as work:
        course_id = add(work, "start")

    def rename(i: int) -> None:
        with database.writer.begin() as work:
            work.update_version(courses, course_id, 1, {"slug": f"by-{i}"})

    results = together(8, rename)
    assert results.count(None) == 1
    assert sum(isinstance(r, StaleVersion) for r in results) == 7
    with database.writer.begin() as work:
        row = work.execute(sa.select(courses.c.version, courses.c.slug)).one()
    assert row.version == 2
    assert row.slug == f"by-{results.index(None)}"


def test_a_broken_constraint_is_told_by_its_name(database: Database) -> None:
    with database.writer.begin() as work:
        add(work, "taken")
    with pytest.raises(ConstraintBroken) as caught, database.writer.begin() as work:
        add(work, "taken")
    assert caught.value.constraint == "courses_slug_key"


def test_sixteen_callers_with_one_request_id_make_one_thing(database: Database, owner: Owner) -> None:
    key = RequestKey("anna", "CreateCourse", "r-1", b"content")

    def create(i: int) -> str:
        with database.writer.begin() as work:
            course_id = new_id()
            if earlier := work.requests.claim(key, course_id):
                return earlier
            work.execute(sa.insert(courses).values(id=course_id, slug=f"only-{i}"))
            return course_id

    assert len(set(together(16, create))) == 1
    assert count(owner, "courses") == 1


def test_a_request_id_with_other_content_is_refused_and_an_empty_one_remembers_nothing(
    database: Database, owner: Owner
) -> None:
    with database.writer.begin() as work:
        assert work.requests.claim(RequestKey("anna", "rpc", "r", b"one"), "first") is None
        assert work.requests.claim(RequestKey("anna", "rpc", "r", b"one"), "second") == "first"
        assert work.requests.claim(RequestKey("ben", "rpc", "r", b"other"), "third") is None
        with pytest.raises(RequestIdReused):
            work.requests.claim(RequestKey("anna", "rpc", "r", b"other"), "fourth")
        assert work.requests.claim(RequestKey("anna", "rpc", "", b"other"), "fifth") is None
    assert count(owner, "requests") == 2


def test_a_claim_that_rolls_back_frees_the_request_id(database: Database) -> None:
    key = RequestKey("anna", "rpc", "r", b"one")
    with pytest.raises(ZeroDivisionError), database.writer.begin() as work:
        fail_after(work.requests.claim(key, "lost"))
    with database.writer.begin() as work:
        assert work.requests.claim(key, "kept") is None


def effect_of(writer: Writer, event_id: str) -> Callable[[int], None]:
    def handle(i: int) -> None:
        with handling("learning", event_id), writer.begin() as work:
            add(work, f"effect-{i}")

    return handle


def test_an_event_has_its_effect_once_however_many_handle_it(database: Database, owner: Owner) -> None:
    results = together(12, effect_of(database.writer, new_id()))
    assert results.count(None) == 1
    assert sum(isinstance(r, AlreadyHandled) for r in results) == 11
    assert (count(owner, "courses"), count(owner, "inbox")) == (1, 1)


def test_without_the_mark_the_effect_doubles(urls: Urls, owner: Owner) -> None:
    """The control of the test above: it is the mark that keeps effects single."""
    writer = Writer(urls.writer, 4, mark=lambda work, event: None)
    results = together(4, effect_of(writer, new_id()))
    writer.close()
    assert results == [None] * 4
    assert count(owner, "courses") == 4


def test_a_failed_effect_leaves_no_mark_and_a_second_transaction_marks_no_more(
    database: Database, owner: Owner
) -> None:
    event_id = new_id()
    with handling("learning", event_id) as event:
        with pytest.raises(ZeroDivisionError), database.writer.begin():
            fail_after()
        assert not event.marked
        for slug in ("first", "second"):
            with database.writer.begin() as work:
                add(work, slug)
        assert event.marked
    assert (count(owner, "courses"), count(owner, "inbox")) == (2, 1)


def test_a_restart_of_the_server_costs_the_reader_nothing_and_the_writer_one_refusal(
    postgres: Postgres, database: Database
) -> None:
    with database.writer.begin() as work:
        course_id = add(work, "survivor")
    for _ in range(4):
        assert database.reader.one(BY_ID, Course, {"id": course_id})
    postgres.stop()
    assert not database.check()
    with pytest.raises(DependencyUnavailable), database.writer.begin() as work:
        work.execute(sa.select(1))
    postgres.start()
    found = database.reader.one(BY_ID, Course, {"id": course_id})
    assert found
    assert found.slug == "survivor"
    with database.writer.begin() as work:
        add(work, "after")
    assert database.check()


def test_a_lost_connection_is_a_dependency_unavailable(database: Database, owner: Owner) -> None:
    with pytest.raises(DependencyUnavailable), database.writer.begin() as work:
        work.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert count(owner, "courses") == 0


def test_a_statement_without_end_is_cut_off(urls: Urls) -> None:
    reader = Reader(urls.reader, 1, statement_timeout=100)
    with pytest.raises(DependencyUnavailable):
        reader.all(sa.select(sa.func.pg_sleep(5)), str)
    reader.close()


def test_a_full_pool_refuses_instead_of_hanging(urls: Urls) -> None:
    writer = Writer(urls.writer, 1, timeout=0.1)
    with writer.begin(), pytest.raises(DependencyUnavailable), writer.begin():
        pytest.fail("a pool of one gave two connections")
    writer.close()


def test_the_outbox_table_takes_only_what_the_writer_may(urls: Urls) -> None:
    with psycopg.connect(urls.reader) as reader, pytest.raises(psycopg.errors.Error):
        reader.execute(f"DELETE FROM {tables.outbox.name}")
