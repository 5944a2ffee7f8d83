"""Whole processes of catalog on PostgreSQL and NATS, with their neighbours over mTLS."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import grpc
import pytest
from campus.catalog.v1 import course_service_pb2 as course_pb
from campus.catalog.v1 import lesson_service_pb2 as lesson_pb
from campus.catalog.v1.course_service_pb2_grpc import CourseServiceStub
from campus.catalog.v1.lesson_service_pb2_grpc import LessonServiceStub
from sqlalchemy import select, update

from deploy.local import ports
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.catalog import app
from services.catalog.tables import courses as courses_table
from services.chassis.access import Revocations
from services.chassis.db import Database
from services.chassis.run import Process
from services.chassis.tables import outbox
from services.kernel.ids import new_id
from tests.catalog.neighbours import Neighbours, neighbours
from tests.catalog.test_api import article, request, video
from tests.harness.serving import Served, refused

SECONDS = 15.0


@pytest.fixture
def around(pki: Pki) -> Iterator[Neighbours]:
    with neighbours(pki) as found:
        yield found


def settings(postgres: Postgres, nats: Nats, pki: Pki, peers: str) -> app.Settings:
    files = pki.of("catalog")
    return app.Settings(
        listen=f"127.0.0.1:{ports.choose()}",
        database_writer_url=postgres.url("campus_catalog", "catalog_writer"),
        database_reader_url=postgres.url("campus_catalog", "catalog_reader"),
        nats_url=nats.url("catalog"),
        tls_cert=str(files.cert),
        tls_key=str(files.key),
        tls_ca=str(files.ca),
        peers=peers,
        drain_seconds=0,
        course_cache_seconds=3600,
    )


@contextmanager
def running(chosen: app.Settings, pki: Pki, around: Neighbours) -> Iterator[Served]:
    process = Process(app.build(chosen))
    process.start(chosen.listen)
    found = Served(chosen.listen, pki, around.signer, Revocations())
    try:
        yield found
    finally:
        found.close()
        process.stop()


@pytest.fixture
def processes(
    database: Database, postgres: Postgres, nats: Nats, pki: Pki, around: Neighbours
) -> Iterator[tuple[Served, Served]]:
    """Two processes of catalog that share a database."""
    with ExitStack() as stack:
        chosen = [settings(postgres, nats, pki, around.peers) for _ in range(2)]
        first, second = (stack.enter_context(running(each, pki, around)) for each in chosen)
        yield first, second


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kept_in_memory(database: Database, course_id: str, title: Callable[[], str]) -> bool:
    """Whether a title that only the database was told is not seen; it is taken back afterwards."""
    known = title()
    try:
        rename(database, course_id, "Seen by the database alone")
        return title() == known
    finally:
        rename(database, course_id, known)


def rename(database: Database, course_id: str, title: str) -> None:
    with database.writer.begin() as work:
        work.execute(update(courses_table).where(courses_table.c.id == course_id).values(title=title))


def all_published(database: Database) -> bool:
    with database.writer.begin() as work:
        return work.execute(select(outbox.c.id).where(outbox.c.published_at.is_(None))).first() is None


def test_what_one_process_changes_no_other_shows_as_it_was(
    processes: tuple[Served, Served], database: Database
) -> None:
    first, second = processes
    owner = new_id()
    courses, lessons = first.as_user(CourseServiceStub, owner, "instructor"), first.as_user(LessonServiceStub, owner)
    course = courses.CreateCourse(request())
    module = lessons.CreateModule(lesson_pb.CreateModuleRequest(course_id=course.course_id, title="Basics"))
    lessons.CreateLesson(video(module))
    get = course_pb.GetCourseRequest(course_id=course.course_id)
    elsewhere = second.anonymous(CourseServiceStub)
    courses.PublishCourse(course_pb.PublishCourseRequest(course_id=course.course_id))
    assert elsewhere.GetCourse(get).version == 1
    # The news of the first version has to be through, or it would be what makes the next change seen.
    eventually(lambda: all_published(database))
    time.sleep(0.5)
    assert kept_in_memory(database, course.course_id, lambda: elsewhere.GetCourse(get).title)
    courses.UpdateCourse(course_pb.UpdateCourseRequest(course_id=course.course_id, title="Better"))
    eventually(lambda: elsewhere.GetCourse(get).title == "Better")
    lessons.CreateLesson(article(module))
    courses.PublishCourse(course_pb.PublishCourseRequest(course_id=course.course_id))
    eventually(lambda: elsewhere.GetCourse(get).version == 2)
    courses.ArchiveCourse(course_pb.ArchiveCourseRequest(course_id=course.course_id))
    eventually(lambda: elsewhere.GetCourse(get).state == course_pb.Course.STATE_ARCHIVED)


def test_learning_is_asked_who_is_enrolled(processes: tuple[Served, Served], around: Neighbours) -> None:
    served, _ = processes
    owner, student = new_id(), new_id()
    courses, lessons = served.as_user(CourseServiceStub, owner, "instructor"), served.as_user(LessonServiceStub, owner)
    course = courses.CreateCourse(request())
    module = lessons.CreateModule(lesson_pb.CreateModuleRequest(course_id=course.course_id, title="Basics"))
    get = lesson_pb.GetLessonRequest(lesson_id=lessons.CreateLesson(video(module)).lesson_id)
    courses.PublishCourse(course_pb.PublishCourseRequest(course_id=course.course_id))
    learner = served.as_user(LessonServiceStub, student)
    assert learner.GetLesson(get).access == lesson_pb.LESSON_ACCESS_LOCKED
    around.learning.enrolled.add((student, course.course_id))
    assert learner.GetLesson(get).access == lesson_pb.LESSON_ACCESS_ENROLLED


def test_without_learning_a_locked_lesson_is_not_called_locked(
    database: Database, postgres: Postgres, nats: Nats, pki: Pki, around: Neighbours
) -> None:
    peers = f"{around.peers.partition(',')[0]},learning=127.0.0.1:{ports.choose()}"
    with running(settings(postgres, nats, pki, peers), pki, around) as served:
        owner = new_id()
        courses = served.as_user(CourseServiceStub, owner, "instructor")
        lessons = served.as_user(LessonServiceStub, owner)
        course = courses.CreateCourse(request())
        module = lessons.CreateModule(lesson_pb.CreateModuleRequest(course_id=course.course_id, title="Basics"))
        get = lesson_pb.GetLessonRequest(lesson_id=lessons.CreateLesson(video(module)).lesson_id)
        courses.PublishCourse(course_pb.PublishCourseRequest(course_id=course.course_id))
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
            served.as_user(LessonServiceStub, new_id()).GetLesson(get)
        assert served.anonymous(LessonServiceStub).GetLesson(get).access == lesson_pb.LESSON_ACCESS_LOCKED
