"""The read side: real SQL by the role that only reads, on the schema that the migrations make."""

import pytest

from deploy.local.postgres import Postgres
from services.chassis import tables as chassis_tables
from services.chassis.db import Database
from services.chassis.migrate import differences
from services.kernel.errors import PageTokenInvalid
from services.kernel.ids import new_id
from services.kernel.pages import Page, PageRequest, page_of
from services.learning import queries, tables
from services.learning.adapters.postgres import PostgresStore
from services.learning.domain.enrollment import State
from services.learning.domain.errors import EnrollmentNotFound
from services.learning.domain.progress import Operation, entry
from services.learning.ports import Record
from tests.harness.databases import owner_url
from tests.learning.conftest import START, enrolled, outline

COURSE = outline((1000, 0))
STUDENT = frozenset({"student"})


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database.writer)


def listed(database: Database, user_id: str, **chosen: object) -> Page[queries.EnrollmentRow]:
    given = {"course_id": "", "state": None, "size": 0, "token": ""} | chosen
    return queries.list_enrollments(queries.ListEnrollments(user_id, **given), database.reader)  # type: ignore[arg-type]


def test_the_tables_are_what_the_migrations_make(database: Database, postgres: Postgres) -> None:
    metadata = [chassis_tables.METADATA, tables.METADATA]
    assert differences(metadata, owner_url(postgres, "learning")) == []


def test_an_enrolment_is_shown_to_its_learner_and_to_admins(database: Database, store: PostgresStore) -> None:
    ada = enrolled(store, COURSE)
    for user_id, roles in ((ada.user_id, STUDENT), (new_id(), frozenset({"admin"}))):
        row = queries.get_enrollment(queries.GetEnrollment(user_id, roles, ada.id), database.reader)
        assert (row.id, row.user_id, row.state, row.enrolled_at) == (ada.id, ada.user_id, "in_progress", START)
    for user_id, enrollment_id in ((new_id(), ada.id), (ada.user_id, new_id())):
        with pytest.raises(EnrollmentNotFound):
            queries.get_enrollment(queries.GetEnrollment(user_id, STUDENT, enrollment_id), database.reader)


def test_enrolments_are_listed_newest_first_in_pages(database: Database, store: PostgresStore) -> None:
    user_id = new_id()
    made = [enrolled(store, outline((1000,)), user_id).id for _ in range(5)]
    enrolled(store, COURSE)
    seen, token = list[str](), ""
    for size in (2, 2, 1):
        page = listed(database, user_id, size=2, token=token)
        assert len(page.rows) == size
        seen += [row.id for row in page.rows]
        token = page.next_token
    assert (seen, token) == (sorted(made, reverse=True), "")


def test_enrolments_are_filtered_by_course_and_state(database: Database, store: PostgresStore) -> None:
    user_id = new_id()
    first, second = enrolled(store, COURSE, user_id), enrolled(store, outline((0,)), user_id)
    with store.begin() as tx:
        first.drop()
        tx.enrollments.save(first)
    expected: list[tuple[dict[str, object], list[str]]] = [
        ({"course_id": COURSE.course_id}, [first.id]),
        ({"state": State.IN_PROGRESS}, [second.id]),
        ({"state": State.DROPPED, "course_id": COURSE.course_id}, [first.id]),
        ({"state": State.COMPLETED}, []),
    ]
    for chosen, found in expected:
        assert [row.id for row in listed(database, user_id, **chosen).rows] == found


def test_a_page_token_belongs_to_its_list(database: Database, store: PostgresStore) -> None:
    user_id = new_id()
    for _ in range(2):
        enrolled(store, outline((0,)), user_id)
    token = listed(database, user_id, size=1).next_token
    with pytest.raises(PageTokenInvalid):
        listed(database, new_id(), size=1, token=token)
    with pytest.raises(PageTokenInvalid):
        listed(database, user_id, state=State.COMPLETED, token=token)
    forged = page_of(["x", "y"], PageRequest(1, filters=f"{user_id}  None"), lambda _: ["no id"]).next_token
    with pytest.raises(PageTokenInvalid):
        listed(database, user_id, token=forged)


def test_progress_is_read_as_it_is_recorded(database: Database, store: PostgresStore) -> None:
    ada = enrolled(store, COURSE)
    done = entry(Operation(new_id(), COURSE.lessons[0].id, START, (100, 600)), COURSE)
    with store.begin() as tx:
        tx.progress.record([Record(ada.id, done)], START)
        written = tx.progress.standing(ada.id)
    read = queries.get_progress(queries.GetProgress(ada.user_id, ada.id), database.reader)
    assert (read, read.basis_points, read.resume_at) == (written, 2500, written.lessons[0])
    with pytest.raises(EnrollmentNotFound):
        queries.get_progress(queries.GetProgress(new_id(), ada.id), database.reader)


def test_completion_says_what_is_missing(database: Database, store: PostgresStore) -> None:
    ada = enrolled(store, COURSE)
    query = queries.CheckCompletion(ada.user_id, COURSE.course_id)
    found = queries.check_completion(query, database.reader)
    assert found
    assert (found.completed_at, found.missing) == (None, [lesson.id for lesson in COURSE.lessons])
    assert queries.check_completion(queries.CheckCompletion(new_id(), COURSE.course_id), database.reader) is None


def test_who_is_enrolled_is_found_by_course(database: Database, store: PostgresStore) -> None:
    ada = enrolled(store, COURSE)
    found = queries.check_enrollment(queries.CheckEnrollment(ada.user_id, COURSE.course_id), database.reader)
    assert found
    assert (found.id, found.course_version) == (ada.id, 1)
    assert queries.check_enrollment(queries.CheckEnrollment(ada.user_id, new_id()), database.reader) is None
