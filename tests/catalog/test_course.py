"""What a course allows, and what it announces."""

from datetime import UTC, datetime, timedelta

import pytest

from services.catalog.domain import errors
from services.catalog.domain.caller import Caller
from services.catalog.domain.course import (
    MAX_LESSONS,
    MAX_MODULES,
    Course,
    CourseArchived,
    CoursePublished,
    CourseUpdated,
    Difficulty,
    State,
)
from services.catalog.domain.outline import Article, Video, title_key
from services.kernel.errors import StaleVersion
from services.kernel.money import Money

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EUR = Money("EUR", 4900)
VIDEO = Video(90)
OWNER, OTHER = Caller("u1", frozenset({"instructor"})), Caller("u2", frozenset({"instructor"}))
ADMIN = Caller("u3", frozenset({"admin"}))


def draft(title: str = "Python") -> Course:
    return Course.create(
        "c1",
        instructor_id="u1",
        title=title,
        description="",
        category="programming",
        language="en",
        difficulty=Difficulty.BEGINNER,
        price=EUR,
        now=NOW,
    )


def add_lesson(course: Course, lesson_id: str = "l1", module_id: str = "m1", content: Video | Article = VIDEO) -> None:
    course.add_lesson(lesson_id, module_id, title="Lesson", free_preview=False, content=content, now=NOW)


def filled() -> Course:
    course = draft()
    course.add_module("m1", "Basics", NOW)
    add_lesson(course)
    return course


def published() -> Course:
    course = filled()
    course.publish(NOW)
    course.take_events()
    return course


def test_a_new_course_is_a_draft_without_versions_and_nothing_is_announced() -> None:
    course = draft("  Ame\u0301lie  ")
    assert (course.title, course.state, course.published_version) == ("Am\u00e9lie", State.DRAFT, 0)
    assert course.take_events() == []


def test_modules_and_lessons_are_counted_from_one_in_the_order_they_are_added() -> None:
    course = filled()
    course.add_module("m2", "More", NOW)
    add_lesson(course, "l2", "m2", Article("text"))
    add_lesson(course, "l3", "m2", Video(30))
    places = [(m.position, [(s.id, s.position) for s in m.lessons]) for m in course.modules]
    assert places == [(1, [("l1", 1)]), (2, [("l2", 1), ("l3", 2)])]
    assert (course.lesson_count, course.duration_seconds) == (3, 120)


def test_the_first_version_opens_the_course() -> None:
    course = filled()
    publication = course.publish(NOW)
    assert publication
    assert (publication.version, publication.lesson_count, publication.duration_seconds) == (1, 1, 90)
    assert (course.state, course.published_version, course.published_at) == (State.PUBLISHED, 1, NOW)
    assert course.take_events() == [
        CoursePublished(course_id="c1", version=1, instructor_id="u1", title="Python", price=EUR, lesson_count=1)
    ]


def test_publishing_an_unchanged_outline_makes_no_version_and_a_changed_one_does() -> None:
    course = published()
    assert course.publish(LATER) is None
    assert course.take_events() == []
    course.update({"title": "Python 3"}, "", LATER)
    assert course.publish(LATER) is None
    add_lesson(course, "l2")
    publication = course.publish(LATER)
    assert publication
    assert (publication.version, publication.lesson_count) == (2, 2)
    assert course.published_at == NOW


def test_a_course_without_lessons_is_not_published() -> None:
    course = draft()
    course.add_module("m1", "Empty", NOW)
    with pytest.raises(errors.CourseEmpty) as refusal:
        course.publish(NOW)
    assert refusal.value.metadata == {"course_id": "c1"}


def test_an_archived_course_takes_no_change_but_may_be_archived_again() -> None:
    course = published()
    assert course.archive(LATER)
    assert course.take_events() == [CourseArchived(course_id="c1", version=1, instructor_id="u1")]
    assert not course.archive(LATER)
    assert course.take_events() == []
    for change in (
        lambda: course.publish(LATER),
        lambda: course.update({"title": "New"}, "", LATER),
        lambda: course.add_module("m2", "More", LATER),
        lambda: add_lesson(course, "l2"),
    ):
        with pytest.raises(errors.CourseArchived):
            change()
    assert course.update({"title": "Python"}, "old", LATER) is False


def test_an_update_is_announced_once_the_course_was_published() -> None:
    course = filled()
    course.update({"price": Money("EUR", 0)}, "", LATER)
    assert course.take_events() == []
    course = published()
    assert course.update({"title": " Python 3 ", "price": EUR}, "", LATER)
    assert (course.title, course.updated_at) == ("Python 3", LATER)
    assert course.take_events() == [CourseUpdated(course_id="c1", instructor_id="u1", title="Python 3", price=EUR)]


def test_an_old_etag_is_refused_unless_nothing_would_change() -> None:
    course = draft()
    assert course.update({"title": "Python ", "difficulty": Difficulty.BEGINNER}, "7", LATER) is False
    with pytest.raises(StaleVersion):
        course.update({"title": "Rust"}, "7", LATER)
    assert course.update({"title": "Rust"}, course.etag, LATER)


def test_a_course_has_room_for_so_many_modules_and_lessons() -> None:
    course = draft()
    for n in range(MAX_MODULES):
        course.add_module(f"m{n}", "M", NOW)
    with pytest.raises(errors.CourseFull) as refusal:
        course.add_module("one-more", "M", NOW)
    assert refusal.value.metadata == {"course_id": "c1", "limit": "100"}
    for n in range(MAX_LESSONS):
        add_lesson(course, f"l{n}", f"m{n % MAX_MODULES}")
    with pytest.raises(errors.CourseFull) as refusal:
        add_lesson(course, "one-more", "m0")
    assert refusal.value.metadata == {"course_id": "c1", "limit": "1000"}


def test_a_lesson_needs_a_module_of_its_course() -> None:
    with pytest.raises(errors.ModuleNotFound):
        add_lesson(draft())


def test_a_strangers_draft_is_not_there_and_their_published_course_is_not_yours() -> None:
    course = filled()
    course.require(OWNER)
    course.require(ADMIN, or_admin=True)
    with pytest.raises(errors.CourseNotFound):
        course.require(OTHER)
    with pytest.raises(errors.CourseNotOwned):
        course.require(ADMIN)
    course = published()
    for caller in (OTHER, Caller()):
        with pytest.raises(errors.CourseNotOwned):
            course.require(caller, or_admin=True)


def test_nobody_owns_what_belongs_to_nobody() -> None:
    assert not Caller().owns("")


def test_a_title_never_ends_up_empty() -> None:
    assert draft(" \u00a0 ").title == "\u00a0"


def test_titles_are_ordered_without_regard_to_case_and_accents() -> None:
    assert sorted(["\u00c9clair", "zebra", "Apple", "elder"], key=title_key) == [
        "Apple",
        "\u00c9clair",
        "elder",
        "zebra",
    ]
