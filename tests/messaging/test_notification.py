"""A notification is read once; its deliveries end as the channel says, or when patience does."""

from datetime import timedelta

import pytest

from services.kernel.ids import new_id
from services.messaging.domain.delivery import (
    FIRST_DELAY,
    INTERRUPTED,
    LEASE,
    LONGEST_DELAY,
    MOST_ATTEMPTS,
    PATIENCE,
    Delivery,
    State,
)
from services.messaging.domain.notification import Channel
from tests.messaging.conftest import START, notification

SECOND = timedelta(seconds=1)


def mail() -> Delivery:
    return Delivery.of(new_id(), notification(), Channel.EMAIL)


def attempted() -> Delivery:
    delivery = mail()
    assert delivery.begin_attempt(START)
    return delivery


def test_reading_again_keeps_the_first_time() -> None:
    made = notification()
    assert made.mark_as_read(START)
    assert not made.mark_as_read(START + SECOND)
    assert made.read_at == START


def test_the_list_takes_a_notification_over_at_once() -> None:
    delivery = Delivery.of(new_id(), notification(), Channel.IN_APP)
    assert (delivery.state, delivery.delivered_at, delivery.next_attempt_at) == (State.SENT, START, None)
    assert delivery.attempt_count == 1


def test_a_mail_is_due_at_once_and_belongs_to_whoever_begins_it() -> None:
    delivery = mail()
    assert (delivery.state, delivery.attempt_count, delivery.next_attempt_at) == (State.PENDING, 0, START)
    assert delivery.begin_attempt(START)
    assert (delivery.state, delivery.attempt_count, delivery.next_attempt_at) == (State.PENDING, 1, START + LEASE)


def test_a_delivery_that_succeeds_says_when() -> None:
    delivery = attempted()
    delivery.succeed(START + SECOND)
    assert (delivery.state, delivery.delivered_at) == (State.SENT, START + SECOND)
    assert delivery.next_attempt_at is None


def test_a_refusal_and_a_missing_account_are_final_and_say_why() -> None:
    refused, suppressed = attempted(), attempted()
    refused.refuse("smtp_550")
    suppressed.suppress("user_not_found")
    assert (refused.state, refused.error, refused.next_attempt_at) == (State.FAILED, "smtp_550", None)
    assert (suppressed.state, suppressed.error) == (State.SUPPRESSED, "user_not_found")
    assert refused.delivered_at is None
    for delivery in (refused, suppressed):
        with pytest.raises(ValueError, match="stays so"):
            delivery.succeed(START)


def test_delays_grow_and_end_after_a_day() -> None:
    delivery, now, delays = mail(), START, []
    while delivery.state is State.PENDING:
        assert delivery.begin_attempt(now)
        delivery.defer("smtp_451", now)
        if delivery.next_attempt_at:
            delays.append(delivery.next_attempt_at - now)
            now = delivery.next_attempt_at
    assert delays[:3] == [FIRST_DELAY, FIRST_DELAY * 3, FIRST_DELAY * 9]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY
    assert (delivery.state, delivery.error) == (State.FAILED, "smtp_451")
    assert START + PATIENCE - LONGEST_DELAY < now <= START + PATIENCE
    assert delivery.attempt_count == len(delays) + 1 < MOST_ATTEMPTS


def test_a_mail_that_waited_out_a_long_standstill_is_tried_all_the_same() -> None:
    delivery, later = mail(), START + PATIENCE * 3
    assert delivery.begin_attempt(later)
    delivery.defer("smtp_unreachable", later)
    assert delivery.state is State.FAILED


def test_a_delivery_that_ends_everyone_who_tries_it_is_given_up() -> None:
    delivery = mail()
    for _ in range(MOST_ATTEMPTS):
        assert delivery.begin_attempt(START)
    assert not delivery.begin_attempt(START)
    assert (delivery.state, delivery.error) == (State.FAILED, INTERRUPTED)
