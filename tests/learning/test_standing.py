"""Percentages are integers rounded down, and whole only when everything is done."""

from datetime import timedelta

import pytest

from services.learning.domain.enrollment import State
from services.learning.domain.outline import LessonKind
from services.learning.domain.standing import CourseStanding, LessonStanding
from tests.learning.conftest import START


def video(watched_ms: int, length_ms: int = 1000, done: bool = False) -> LessonStanding:
    at = START if done else None
    return LessonStanding("v", LessonKind.VIDEO, length_ms, watched_ms=watched_ms, completed_at=at)


def article(done: bool = False) -> LessonStanding:
    return LessonStanding("a", LessonKind.ARTICLE, 0, completed_at=START if done else None)


def course(*lessons: LessonStanding) -> CourseStanding:
    return CourseStanding("e", "c", 1, State.IN_PROGRESS, None, lessons)


@pytest.mark.parametrize(
    ("lesson", "points"),
    [(video(0), 0), (video(1, 3), 3333), (video(899), 8990), (video(900, done=True), 10_000), (article(), 0)],
)
def test_a_lesson_counts_by_what_was_watched_until_it_is_complete(lesson: LessonStanding, points: int) -> None:
    assert lesson.basis_points == points


def test_lessons_count_the_same_and_the_mean_is_rounded_down() -> None:
    assert course(article(True), article(), article()).basis_points == 3333
    assert course(article(True), article(), article()).percent == "33.33"
    assert course(video(100), article()).percent == "5.00"
    assert course(article(True), video(900, done=True)).percent == "100.00"
    assert course(*[article(True)] * 999, article()).basis_points == 9990


def test_time_is_summed_before_it_is_rounded() -> None:
    each = LessonStanding("v", LessonKind.VIDEO, 1000, spent_ms=700)
    assert course(each, each, each).time_spent_seconds == 2


def test_learners_go_on_where_they_were_last() -> None:
    def visited(name: str, seconds: int, operation_id: str) -> LessonStanding:
        at = START + timedelta(seconds=seconds)
        return LessonStanding(name, LessonKind.VIDEO, 1000, accessed_at=at, operation_id=operation_id)

    found = course(visited("first", 1, "a"), visited("second", 2, "b"), visited("third", 2, "c"), article()).resume_at
    assert found
    assert found.lesson_id == "third"
    assert course(article()).resume_at is None
