"""The write side on a memory store and a clock that stands still."""

from datetime import timedelta

import pytest

from services.catalog.adapters.memory import MemoryStore
from services.catalog.domain.course import CourseArchived, CoursePublished, State
from services.catalog.domain.errors import CourseNotFound, CourseNotOwned
from services.catalog.domain.outline import Article
from services.kernel.errors import RequestIdReused, StaleVersion
from services.kernel.ids import new_id
from services.kernel.money import Money
from tests.catalog.conftest import START, FakeClock, admin, instructor
from tests.catalog.making import Making, key


@pytest.fixture
def making(memory: MemoryStore, clock: FakeClock) -> Making:
    return Making(memory, clock)


def test_a_course_belongs_to_who_creates_it(making: Making) -> None:
    course = making.course()
    assert (course.instructor_id, course.state, course.created_at) == (making.owner.user_id, State.DRAFT, START)


def test_each_repeated_creation_answers_with_what_the_first_one_made(making: Making, memory: MemoryStore) -> None:
    course = making.course(request=key("c", rpc="CreateCourse"))
    assert making.course(request=key("c", rpc="CreateCourse")).id == course.id
    module = making.module(course.id, request=key("m", rpc="CreateModule"))
    assert making.module(course.id, request=key("m", rpc="CreateModule")) == module
    lesson = making.lesson(course.id, module.id, request=key("l", rpc="CreateLesson"))
    assert making.lesson(course.id, module.id, request=key("l", rpc="CreateLesson")) == lesson
    kept = memory.state.courses[course.id]
    assert (len(memory.state.courses), len(kept.modules), kept.lesson_count) == (1, 1, 1)
    with pytest.raises(RequestIdReused):
        making.lesson(course.id, module.id, request=key("l", "other content", rpc="CreateLesson"))


def test_a_repeated_lesson_is_answered_even_when_the_course_has_been_archived_since(making: Making) -> None:
    course = making.course()
    module = making.module(course.id)
    lesson = making.lesson(course.id, module.id, content=Article("text"), request=key("l"))
    making.archive(course.id)
    assert making.lesson(course.id, module.id, content=Article("text"), request=key("l")) == lesson


def test_a_refused_request_id_is_free_for_another_try(making: Making) -> None:
    course = making.course()
    with pytest.raises(CourseNotFound):
        making.module(new_id(), request=key("m"))
    assert making.module(course.id, request=key("m")).course_id == course.id


def test_publishing_twice_makes_one_version(making: Making, memory: MemoryStore) -> None:
    course = making.filled()
    first = making.publish(course.id)
    making.clock.advance(timedelta(hours=1))
    assert making.publish(course.id) == first
    assert [type(event) for event in memory.state.announced] == [CoursePublished]
    assert list(memory.state.publications) == [(course.id, 1)]


def test_archiving_twice_is_announced_once(making: Making, memory: MemoryStore) -> None:
    course = making.published()
    assert making.archive(course.id) == making.archive(course.id)
    assert [type(event) for event in memory.state.announced] == [CoursePublished, CourseArchived]


def test_an_update_that_changes_nothing_succeeds_whatever_the_etag_and_stores_nothing(making: Making) -> None:
    course = making.course()
    changed = making.update(course.id, etag=course.etag, price=Money("EUR", 0))
    assert changed.price == Money("EUR", 0)
    assert changed.etag != course.etag
    assert making.update(course.id, etag=course.etag, price=Money("EUR", 0)) == changed
    with pytest.raises(StaleVersion):
        making.update(course.id, etag=course.etag, price=Money("EUR", 1))


def test_admins_may_update_but_neither_publish_nor_archive(making: Making) -> None:
    course = making.filled()
    assert making.update(course.id, caller=admin(), title="Edited").title == "Edited"
    with pytest.raises(CourseNotOwned):
        making.publish(course.id, caller=admin())
    with pytest.raises(CourseNotOwned):
        making.archive(course.id, caller=admin())


def test_strangers_change_nothing(making: Making) -> None:
    course, stranger = making.published(), Making(making.store, making.clock, owner=instructor())
    module_id = course.modules[0].id
    for attempt in (
        lambda: stranger.update(course.id, title="Mine"),
        lambda: stranger.publish(course.id),
        lambda: stranger.archive(course.id),
        lambda: stranger.module(course.id),
        lambda: stranger.lesson(course.id, module_id),
    ):
        with pytest.raises(CourseNotOwned):
            attempt()
