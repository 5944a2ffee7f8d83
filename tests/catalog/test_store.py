"""One suite for the store in memory and the one in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.catalog.domain.course import Course
from services.catalog.domain.outline import Article, Video
from services.catalog.ports import Store
from services.kernel.errors import StaleVersion
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import new_id
from tests.catalog.conftest import FakeClock
from tests.catalog.making import Making, key


@pytest.fixture
def making(store: Store, clock: FakeClock) -> Making:
    return Making(store, clock)


def read(store: Store, course_id: str) -> Course:
    with store.begin() as tx:
        course = tx.courses.get(course_id)
    assert course
    return course


def test_what_is_added_is_found_as_it_was(making: Making, store: Store) -> None:
    course = making.course()
    assert read(store, course.id) == course
    with store.begin() as tx:
        assert tx.courses.get(new_id()) is None
        assert tx.courses.lesson(new_id()) is None


def test_the_outline_comes_back_in_teaching_order(making: Making, store: Store) -> None:
    course = making.course()
    first, second = making.module(course.id, "First"), making.module(course.id, "Second")
    late = making.lesson(course.id, second.id, "Late", Video(60))
    early = making.lesson(course.id, first.id, "Early", Article("text"), free_preview=True)
    middle = making.lesson(course.id, first.id, "Middle")
    kept = read(store, course.id)
    assert [module.title for module in kept.modules] == ["First", "Second"]
    assert [module.lessons for module in kept.modules] == [[early.summary, middle.summary], [late.summary]]
    with store.begin() as tx:
        assert [tx.courses.lesson(lesson.id) for lesson in (early, late)] == [early, late]


def test_every_change_is_kept_and_makes_a_new_version(making: Making, store: Store) -> None:
    course = making.filled()
    published = making.publish(course.id)
    assert read(store, course.id) == published
    updated = making.update(course.id, title="Better", description="More of it", language="pt-BR")
    assert updated.version == published.version + 1
    assert read(store, course.id) == updated
    archived = making.archive(course.id)
    assert read(store, course.id) == archived


def test_the_second_of_two_writers_is_told_to_read_again(making: Making, store: Store, clock: FakeClock) -> None:
    course = making.course()
    first, second = read(store, course.id), read(store, course.id)
    with store.begin() as tx:
        first.update({"title": "First"}, "", clock())
        tx.courses.save(first)
    with pytest.raises(StaleVersion), store.begin() as tx:
        second.update({"title": "Second"}, "", clock())
        tx.courses.save(second)
    assert read(store, course.id).title == "First"


def test_changes_at_once_take_turns(making: Making, store: Store) -> None:
    course = making.course()
    module = making.module(course.id)
    with ThreadPoolExecutor(6) as threads:
        lessons = list(threads.map(lambda n: making.lesson(course.id, module.id, f"L{n}"), range(12)))
        versions = set(threads.map(lambda _: making.publish(course.id).published_version, range(6)))
    assert sorted(lesson.position for lesson in lessons) == list(range(1, 13))
    assert versions == {1}
    kept = read(store, course.id)
    assert (kept.lesson_count, kept.published_version) == (12, 1)


def test_the_same_request_at_once_makes_one_lesson(making: Making, store: Store) -> None:
    course = making.course()
    module = making.module(course.id)
    with ThreadPoolExecutor(4) as threads:
        made = set(threads.map(lambda _: making.lesson(course.id, module.id, request=key("l")).id, range(4)))
    assert len(made) == read(store, course.id).lesson_count == 1


def test_a_refused_transaction_leaves_no_trace(making: Making, store: Store, clock: FakeClock) -> None:
    course = making.filled()
    with pytest.raises(LookupError), store.begin() as tx:
        found = tx.courses.get(course.id)
        assert found
        tx.courses.save(found, found.publish(clock()))
        raise LookupError
    assert read(store, course.id).published_version == 0


def test_an_event_has_its_effect_once(making: Making, store: Store) -> None:
    event_id = new_id()
    with handling("catalog", event_id):
        course = making.course()
    with handling("catalog", event_id), pytest.raises(AlreadyHandled):
        making.course()
    assert read(store, course.id) == course
