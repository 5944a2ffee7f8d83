"""Progress is a function of the set of operations: properties for every order and repetition, and rules by example."""

import random
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.ids import new_id
from services.learning.domain.errors import LessonNotInCourse, LessonNotWatchable
from services.learning.domain.outline import Lesson, LessonKind, Outline
from services.learning.domain.progress import Entry, LessonProgress, Operation, Ranges, entry, union
from tests.learning.conftest import START

VIDEO = Lesson(new_id(), LessonKind.VIDEO, 1000)
ARTICLE = Lesson(new_id(), LessonKind.ARTICLE)
COURSE = Outline(new_id(), 1, (VIDEO, ARTICLE))

ranges = st.tuples(st.integers(0, 1200), st.integers(0, 1200)).map(lambda ends: (min(ends), max(ends) + 1))
operations = st.lists(
    st.builds(
        Operation,
        st.uuids().map(str),
        st.just(VIDEO.id),
        # Few moments, so that operations of the same moment are common.
        st.integers(0, 3).map(lambda seconds: START + timedelta(seconds=seconds)),
        st.none() | ranges,
        st.none() | st.integers(0, 2000),
    ),
    max_size=12,
    unique_by=lambda operation: operation.id,
)


def progress_of(done: list[Operation]) -> LessonProgress:
    """What the log makes of operations as they arrive: each id counts the first time."""
    progress, seen = LessonProgress(VIDEO), set[str]()
    for operation in done:
        if operation.id not in seen:
            seen.add(operation.id)
            progress = progress.after(entry(operation, COURSE))
    return progress


@given(operations, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(done: list[Operation], dice: random.Random) -> None:
    replayed = done + dice.sample(done, dice.randint(0, len(done)))
    dice.shuffle(replayed)
    assert progress_of(replayed) == progress_of(done)


@given(operations)
def test_progress_never_shrinks(done: list[Operation]) -> None:
    states = [progress_of(done[:count]) for count in range(len(done) + 1)]
    for before, after in pairwise(states):
        assert after.watched_ms >= before.watched_ms
        assert after.spent_ms >= before.spent_ms
        assert after.complete >= before.complete


@given(st.lists(ranges, max_size=12))
def test_watched_ranges_are_the_moments_that_lie_in_any_of_them(watched: list[tuple[int, int]]) -> None:
    found: Ranges = ()
    for start, end in watched:
        found = union(found, start, end)
    moments = {moment for start, end in watched for moment in range(start, end)}
    assert {moment for start, end in found for moment in range(start, end)} == moments
    assert list(found) == sorted(found)
    assert all(end < start for (_, end), (start, _) in pairwise(found))


def video(watched: tuple[int, int] | None, position: int | None = None, at: datetime = START, id_: str = "") -> Entry:
    return entry(Operation(id_ or new_id(), VIDEO.id, at, watched, position), COURSE)


def test_what_lies_beyond_the_end_is_cut_off() -> None:
    cut = video((900, 5000), position=9999)
    assert (cut.from_ms, cut.to_ms, cut.position_ms) == (900, 1000, 1000)
    beyond = LessonProgress(VIDEO).after(video((2000, 3000)))
    assert (beyond.watched, beyond.spent_ms, beyond.position_ms) == ((), 0, 1000)


def test_a_video_is_complete_at_nine_tenths_and_not_before() -> None:
    nearly = LessonProgress(VIDEO).after(video((0, 450))).after(video((451, 900)))
    assert (nearly.watched_ms, nearly.complete) == (899, False)
    assert nearly.after(video((450, 451))).complete


def test_watching_the_same_part_again_spends_time_and_completes_nothing() -> None:
    progress = LessonProgress(VIDEO)
    for _ in range(3):
        progress = progress.after(video((0, 500)))
    assert (progress.watched_ms, progress.spent_ms, progress.complete) == (500, 1500, False)


def test_the_learner_may_say_that_a_lesson_is_done() -> None:
    assert LessonProgress(VIDEO).after(video(None)).complete
    read = entry(Operation(new_id(), ARTICLE.id, START), COURSE)
    assert not LessonProgress(ARTICLE).complete
    assert LessonProgress(ARTICLE).after(read).complete


def test_the_position_is_that_of_the_operation_that_occurred_last_however_late_it_comes() -> None:
    early, late = video((0, 100), at=START), video((0, 300), at=START + timedelta(seconds=1))
    assert LessonProgress(VIDEO).after(late).after(early).position_ms == 300
    low, high = f"{0:08}-{new_id()[9:]}", f"{9:08}-{new_id()[9:]}"
    first, second = video((0, 100), 7, id_=low), video((0, 100), 8, id_=high)
    assert LessonProgress(VIDEO).after(second).after(first).position_ms == 8


def test_without_a_position_it_is_the_end_of_what_was_watched_or_the_beginning() -> None:
    assert video((100, 200)).position_ms == 200
    assert video((100, 200), position=0).position_ms == 0
    assert video(None).position_ms == 0


def test_operations_that_make_no_sense_are_refused() -> None:
    with pytest.raises(LessonNotInCourse) as stranger:
        entry(Operation("op", "elsewhere", START), COURSE)
    assert stranger.value.metadata == {"lesson_id": "elsewhere", "operation_id": "op"}
    with pytest.raises(LessonNotWatchable):
        entry(Operation("op", ARTICLE.id, START, (0, 1)), COURSE)
