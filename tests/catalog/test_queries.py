"""The read side: real SQL in the reader's role."""

import pytest
from campus.catalog.v1 import course_service_pb2 as course_pb

from deploy.local.postgres import Postgres
from services.catalog import queries, tables, wire
from services.catalog.adapters.postgres import PostgresStore
from services.catalog.domain.caller import Caller
from services.catalog.domain.errors import CourseNotFound, CourseVersionNotFound, LessonNotFound
from services.catalog.domain.outline import Article, LessonAccess, Video
from services.chassis import tables as chassis_tables
from services.chassis.db import Database
from services.chassis.migrate import differences
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from tests.catalog.conftest import ANYONE, FakeClock, FakeEnrollments, admin, instructor
from tests.catalog.making import Making
from tests.harness.databases import announced, owner_url


@pytest.fixture
def making(database: Database, clock: FakeClock) -> Making:
    return Making(PostgresStore(database.writer), clock)


def test_the_tables_are_what_the_migrations_make(database: Database, postgres: Postgres) -> None:
    metadata = [chassis_tables.METADATA, tables.METADATA]
    assert differences(metadata, owner_url(postgres, "catalog")) == []


def view(database: Database, course_id: str, caller: Caller = ANYONE) -> course_pb.Course:
    found = queries.get_course(queries.GetCourse(course_id, caller), database.reader)
    return course_pb.Course.FromString(wire.course_bytes(found, caller))


def titles(course: course_pb.Course) -> list[list[str]]:
    return [[lesson.title for lesson in module.lessons] for module in course.modules]


def test_a_published_course_is_shown_to_anyone_as_its_last_version(making: Making, database: Database) -> None:
    course = making.published()
    making.lesson(course.id, course.modules[0].id, "Not yet published", Video(1000))
    for caller in (ANYONE, instructor()):
        seen = view(database, course.id, caller)
        assert titles(seen) == [["Variables", "Reading"]]
        assert (seen.version, seen.lesson_count, seen.duration_seconds) == (1, 2, 90)
        assert (seen.modules[0].course_id, seen.modules[0].position) == (course.id, 1)
    for caller in (making.owner, admin()):
        seen = view(database, course.id, caller)
        assert titles(seen) == [["Variables", "Reading", "Not yet published"]]
        assert (seen.version, seen.lesson_count, seen.duration_seconds) == (1, 3, 1090)
    making.publish(course.id)
    assert (view(database, course.id).version, view(database, course.id).lesson_count) == (2, 3)
    assert announced(database) == ["CoursePublished", "CoursePublished"]


def test_what_the_owner_reads_is_what_the_command_answered(making: Making, database: Database) -> None:
    course = making.published()
    assert view(database, course.id, making.owner) == wire.course(course)


def test_a_draft_is_seen_by_its_owner_and_admins_alone(making: Making, database: Database) -> None:
    course = making.filled()
    assert view(database, course.id, making.owner).state == course_pb.Course.STATE_DRAFT
    assert view(database, course.id, admin()).course_id == course.id
    for course_id, caller in [(course.id, ANYONE), (course.id, instructor()), (new_id(), making.owner)]:
        with pytest.raises(CourseNotFound):
            view(database, course_id, caller)


def test_an_archived_course_stays_readable_unless_it_never_was_published(making: Making, database: Database) -> None:
    course, draft = making.published(), making.filled()
    making.archive(course.id)
    making.archive(draft.id)
    assert view(database, course.id).state == course_pb.Course.STATE_ARCHIVED
    with pytest.raises(CourseNotFound):
        view(database, draft.id)


def test_every_version_is_kept_for_those_who_study_it(making: Making, database: Database) -> None:
    course = making.published()
    late = making.lesson(course.id, course.modules[0].id, "Late")
    making.publish(course.id)

    def lesson_ids(version: int) -> list[str]:
        found = queries.get_course_outline(queries.GetCourseOutline(course.id, version), database.reader)
        return [lesson.lesson_id for lesson in wire.outline(found).lessons]

    first = [lesson.id for lesson in course.modules[0].lessons]
    assert (lesson_ids(1), lesson_ids(2), lesson_ids(0)) == (first, [*first, late.id], [*first, late.id])
    with pytest.raises(CourseVersionNotFound) as refusal:
        lesson_ids(3)
    assert refusal.value.metadata == {"course_id": course.id, "version": "3"}
    for course_id, expected in [(making.filled().id, CourseVersionNotFound), (new_id(), CourseNotFound)]:
        with pytest.raises(expected):
            queries.get_course_outline(queries.GetCourseOutline(course_id, 0), database.reader)


def test_neighbours_get_courses_in_any_state_together(making: Making, database: Database) -> None:
    draft, published, archived = making.filled(), making.published(), making.published()
    making.archive(archived.id)
    wanted = queries.BatchGetCourses((draft.id, published.id, archived.id, new_id()))
    found = {row.id: (row.state, row.published_version) for row in queries.batch_get_courses(wanted, database.reader)}
    assert found == {draft.id: ("draft", 0), published.id: ("published", 1), archived.id: ("archived", 1)}


class Lessons:
    """A published course with a locked video and an article for anyone, and an unpublished lesson."""

    def __init__(self, making: Making, database: Database, enrollments: FakeEnrollments) -> None:
        self.database, self.enrollments = database, enrollments
        self.course = making.published()
        self.locked, self.preview = (lesson.id for lesson in self.course.modules[0].lessons)
        self.new = making.lesson(self.course.id, self.course.modules[0].id, "New").id

    def get(self, lesson_id: str, caller: Caller) -> queries.LessonView:
        return queries.get_lesson(queries.GetLesson(lesson_id, caller), self.database.reader, self.enrollments)


@pytest.fixture
def lessons(making: Making, database: Database, enrollments: FakeEnrollments) -> Lessons:
    return Lessons(making, database, enrollments)


def test_what_a_lesson_holds_is_for_learners_and_the_owner(lessons: Lessons, making: Making) -> None:
    learner = Caller(new_id(), frozenset({"student"}))
    lessons.enrollments.known.add((learner.user_id, lessons.course.id))
    seen = {
        caller: (found.access, found.content)
        for caller in (learner, making.owner, Caller(new_id()), ANYONE)
        if (found := lessons.get(lessons.locked, caller))
    }
    assert list(seen.values()) == [
        (LessonAccess.ENROLLED, Video(90)),
        (LessonAccess.OWNER, Video(90)),
        (LessonAccess.LOCKED, None),
        (LessonAccess.LOCKED, None),
    ]


def test_learning_is_asked_only_where_its_answer_decides(lessons: Lessons, making: Making) -> None:
    lessons.enrollments.reachable = False
    found = lessons.get(lessons.preview, Caller(new_id()))
    assert (found.access, found.content) == (LessonAccess.PREVIEW, Article("# Loops"))
    assert lessons.get(lessons.locked, ANYONE).access is LessonAccess.LOCKED
    assert lessons.get(lessons.locked, making.owner).access is LessonAccess.OWNER
    assert lessons.enrollments.asked == 0
    with pytest.raises(DependencyUnavailable):
        lessons.get(lessons.locked, Caller(new_id()))


def test_an_unpublished_lesson_is_seen_by_the_owner_alone(lessons: Lessons, making: Making) -> None:
    assert lessons.get(lessons.new, making.owner).access is LessonAccess.OWNER
    for lesson_id in (lessons.new, new_id()):
        with pytest.raises(LessonNotFound):
            lessons.get(lesson_id, ANYONE)
    making.publish(lessons.course.id)
    assert lessons.get(lessons.new, ANYONE).access is LessonAccess.LOCKED
