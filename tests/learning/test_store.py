"""One suite for the store in memory and the one in PostgreSQL."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.errors import StaleVersion
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import new_id
from services.learning.adapters.memory import MemoryStore
from services.learning.domain.enrollment import Enrollment, Entitlement, Source, State
from services.learning.domain.outline import Lesson, Outline
from services.learning.domain.progress import Entry, Operation, entry
from services.learning.domain.standing import CourseStanding
from services.learning.ports import Outcome, Record, Store
from tests.learning.conftest import START, enrolled, outline

COURSE = outline((1000, 2000, 0))
VIDEO, LONG, ARTICLE = COURSE.lessons


def op(lesson: Lesson, watched: tuple[int, int] | None = None, id_: str = "", seconds: int = 0) -> Entry:
    at = START + timedelta(seconds=seconds)
    return entry(Operation(id_ or new_id(), lesson.id, at, watched), COURSE)


def record(store: Store, enrollment: Enrollment, *entries: Entry) -> list[Outcome]:
    with store.begin() as tx:
        return tx.progress.record([Record(enrollment.id, each) for each in entries], START)


def standing(store: Store, enrollment: Enrollment) -> CourseStanding:
    with store.begin() as tx:
        return tx.progress.standing(enrollment.id)


def change(store: Store, enrollment: Enrollment, state: State) -> None:
    with store.begin() as tx:
        found = tx.enrollments.of_learner(enrollment.user_id, enrollment.course_id)
        assert found
        if state is State.DROPPED:
            found.drop()
        else:
            found.rest_on(Entitlement(new_id(), Source.FREE))
        tx.enrollments.save(found)


def test_what_is_added_is_found_by_id_and_by_learner_and_course(store: Store) -> None:
    ada = enrolled(store, COURSE)
    with store.begin() as tx:
        assert tx.enrollments.get(ada.id) == ada
        assert tx.enrollments.of_learner(ada.user_id, COURSE.course_id) == ada
        assert tx.enrollments.outline(ada) == COURSE
        assert tx.enrollments.of_learner(new_id(), COURSE.course_id) is None
        assert tx.enrollments.get(new_id()) is None


def test_versions_of_a_course_have_outlines_of_their_own(store: Store) -> None:
    newer = outline((5000,), COURSE.course_id, version=2)
    old, new = enrolled(store, COURSE), enrolled(store, newer)
    enrolled(store, COURSE)
    with store.begin() as tx:
        assert (tx.enrollments.outline(old), tx.enrollments.outline(new)) == (COURSE, newer)


def test_the_second_of_two_writers_is_told_to_read_again(store: Store) -> None:
    ada = enrolled(store, COURSE)
    with store.begin() as tx:
        stale = tx.enrollments.get(ada.id)
    change(store, ada, State.DROPPED)
    assert stale
    with pytest.raises(StaleVersion), store.begin() as tx:
        stale.drop()
        tx.enrollments.save(stale)


def test_revoked_entitlements_are_remembered(store: Store) -> None:
    revoked = new_id()
    for _ in range(2):
        with store.begin() as tx:
            tx.revocations.add(revoked, START)
    with store.begin() as tx:
        assert revoked in tx.revocations
        assert new_id() not in tx.revocations


def test_each_operation_counts_once(store: Store) -> None:
    ada = enrolled(store, COURSE)
    first, second = op(VIDEO, (0, 300), seconds=1), op(VIDEO, (200, 400))
    assert record(store, ada, first, first) == [Outcome.RECORDED, Outcome.DUPLICATE]
    assert record(store, ada, second, first) == [Outcome.RECORDED, Outcome.DUPLICATE]
    lesson = standing(store, ada).lessons[0]
    assert (lesson.watched_ms, lesson.spent_ms, lesson.position_ms) == (400, 500, 300)
    assert (lesson.accessed_at, lesson.operation_id) == (first.occurred_at, first.operation_id)


def test_the_first_with_an_id_stands_also_within_one_request(store: Store) -> None:
    ada = enrolled(store, COURSE)
    first = op(VIDEO, (0, 100))
    record(store, ada, first, replace(first, to_ms=900))
    record(store, ada, replace(first, to_ms=950))
    assert standing(store, ada).lessons[0].watched_ms == 100


def test_ids_of_operations_are_the_enrolments_own(store: Store) -> None:
    ada, bob = enrolled(store, COURSE), enrolled(store, COURSE)
    same = op(VIDEO, (0, 100))
    assert record(store, ada, same) == record(store, bob, same) == [Outcome.RECORDED]


def test_several_learners_progress_in_one_transaction(store: Store) -> None:
    ada, bob = enrolled(store, COURSE), enrolled(store, COURSE)
    with store.begin() as tx:
        sent = [Record(bob.id, op(VIDEO)), Record(ada.id, op(LONG, (0, 500))), Record(bob.id, op(ARTICLE))]
        assert tx.progress.record(sent, START) == [Outcome.RECORDED] * 3
    assert standing(store, ada).missing == [lesson.id for lesson in COURSE.lessons]
    assert standing(store, bob).missing == [LONG.id]


def test_the_last_lesson_completes_the_course(store: Store) -> None:
    ada = enrolled(store, COURSE)
    record(store, ada, op(VIDEO, (0, 899)), op(ARTICLE), op(LONG))
    assert (standing(store, ada).state, standing(store, ada).missing) == (State.IN_PROGRESS, [VIDEO.id])
    record(store, ada, op(VIDEO, (899, 900)))
    found = standing(store, ada)
    assert (found.state, found.completed_at, found.basis_points) == (State.COMPLETED, START, 10_000)
    with store.begin() as tx:
        kept = tx.enrollments.get(ada.id)
    assert kept
    assert (kept.state, kept.completed_lessons, kept.completed_at) == (State.COMPLETED, 3, START)


def test_a_dropped_enrolment_takes_nothing_but_knows_what_it_has(store: Store) -> None:
    ada = enrolled(store, COURSE)
    kept, refused = op(VIDEO, (0, 100)), op(VIDEO, (100, 200))
    record(store, ada, kept)
    change(store, ada, State.DROPPED)
    assert record(store, ada, refused, kept) == [Outcome.DROPPED, Outcome.DUPLICATE]
    assert (standing(store, ada).state, standing(store, ada).lessons[0].watched_ms) == (State.DROPPED, 100)
    change(store, ada, State.IN_PROGRESS)
    assert record(store, ada, refused) == [Outcome.RECORDED]


def test_a_refused_transaction_leaves_no_trace(store: Store) -> None:
    ada = enrolled(store, COURSE)
    with pytest.raises(LookupError), store.begin() as tx:
        tx.progress.record([Record(ada.id, op(VIDEO))], START)
        raise LookupError
    assert standing(store, ada).completed_at is None
    assert standing(store, ada).lessons[0].accessed_at is None


def test_an_event_has_its_effect_once(store: Store) -> None:
    event_id = new_id()
    with handling("learning", event_id):
        enrolled(store, COURSE)
    with handling("learning", event_id), pytest.raises(AlreadyHandled):
        enrolled(store, COURSE)


moves = st.lists(
    st.tuples(
        st.sampled_from(COURSE.lessons),
        st.none() | st.tuples(st.integers(0, 1500), st.integers(1, 900)).map(lambda r: (r[0], r[0] + r[1])),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=10,
)


def operations(chosen: Sequence[tuple[Lesson, tuple[int, int] | None, int]]) -> list[Entry]:
    return [op(lesson, None if lesson is ARTICLE else watched, seconds=at) for lesson, watched, at in chosen]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves, st.randoms(use_true_random=False))
def test_any_order_any_batches_and_any_repetition_reach_the_state_of_the_domain(
    store: Store, chosen: list[tuple[Lesson, tuple[int, int] | None, int]], dice: random.Random
) -> None:
    entries = operations(chosen)
    reference = MemoryStore()
    plain, replayed = enrolled(reference, COURSE), enrolled(store, COURSE)
    record(reference, plain, *entries)
    again = entries + dice.sample(entries, dice.randint(0, len(entries)))
    dice.shuffle(again)
    while again:
        size = dice.randint(1, len(again))
        record(store, replayed, *again[:size])
        again = again[size:]
    assert replace(standing(store, replayed), enrollment_id="") == replace(standing(reference, plain), enrollment_id="")


def test_outlines_are_kept_in_teaching_order(store: Store) -> None:
    course = Outline(new_id(), 1, tuple(reversed(outline((0,) * 20).lessons)))
    ada = enrolled(store, course)
    with store.begin() as tx:
        assert tx.enrollments.outline(ada).lessons == course.lessons
