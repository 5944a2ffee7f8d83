"""One suite for the store in memory and the one in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from services.chassis.db import Database
from services.kernel.errors import RequestIdReused, StaleVersion
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.domain.notification import Channel
from services.messaging.ports import Store
from tests.messaging.conftest import START, notification, stored

MINUTE = timedelta(minutes=1)


def test_what_is_added_is_found(store: Store) -> None:
    made = notification(channels=(Channel.EMAIL,), event_id=new_id())
    stored(store, made)
    with store.begin() as tx:
        assert tx.notifications.get(made.id) == made
        assert tx.notifications.get(new_id()) is None


def test_an_event_makes_one_notification_of_a_kind(store: Store) -> None:
    event_id = new_id()
    first, second = notification(event_id=event_id), notification(event_id=event_id)
    with store.begin() as tx:
        assert tx.notifications.add(first)
    with store.begin() as tx:
        assert not tx.notifications.add(second)
        assert tx.notifications.get(second.id) is None
        assert tx.notifications.add(notification())
        assert tx.notifications.add(notification())


def test_the_second_of_two_writers_is_told_to_read_again(store: Store) -> None:
    made = notification()
    mail = stored(store, made)[1]
    with store.begin() as tx:
        stale = tx.notifications.get(made.id)
    with store.begin() as tx:
        found, due = tx.notifications.get(made.id), tx.deliveries.due(START)
        assert found
        assert due
        found.mark_as_read(START)
        tx.notifications.save(found)
        due.begin_attempt(START)
        tx.deliveries.save(due)
    assert stale
    with pytest.raises(StaleVersion), store.begin() as tx:
        tx.notifications.save(stale)
    with pytest.raises(StaleVersion), store.begin() as tx:
        tx.deliveries.save(mail)


def test_all_are_marked_that_are_the_users_own_in_the_list_and_unread(store: Store) -> None:
    ada, bob = new_id(), new_id()
    mine = [notification(ada) for _ in range(3)]
    others = [notification(bob), notification(ada, (Channel.EMAIL,))]
    for made in [*mine, *others]:
        stored(store, made)
    with store.begin() as tx:
        first = tx.notifications.get(mine[0].id)
        assert first
        first.mark_as_read(START)
        tx.notifications.save(first)
    with store.begin() as tx:
        assert tx.notifications.mark_all_as_read(ada, START + MINUTE) == 2
        assert tx.notifications.mark_all_as_read(ada, START + 2 * MINUTE) == 0
    with store.begin() as tx:
        read = [found.read_at for made in [*mine, *others] if (found := tx.notifications.get(made.id))]
    assert read == [START, START + MINUTE, START + MINUTE, None, None]


def test_what_waited_longest_is_due_first_and_what_is_not_due_is_not_found(store: Store) -> None:
    late, early, future = (
        stored(store, notification(channels=(Channel.EMAIL,), at=START + n * MINUTE))[0] for n in (1, 0, 2)
    )
    order = []
    for _ in range(3):
        with store.begin() as tx:
            found = tx.deliveries.due(START + MINUTE)
            if found:
                order.append(found.id)
                found.begin_attempt(START + MINUTE)
                found.succeed(START + MINUTE)
                tx.deliveries.save(found)
    assert order == [early.id, late.id]
    with store.begin() as tx:
        assert tx.deliveries.due(START + 2 * MINUTE) == future


def test_a_delivery_comes_back_as_it_was_stored(store: Store) -> None:
    stored(store, notification(channels=(Channel.EMAIL,)))
    with store.begin() as tx:
        found = tx.deliveries.due(START)
        assert found
        found.begin_attempt(START)
        found.defer("smtp_451", START)
        tx.deliveries.save(found)
    with store.begin() as tx:
        assert tx.deliveries.due(START + MINUTE) == found


def test_a_transaction_that_fails_leaves_no_trace(store: Store) -> None:
    made = notification()
    with pytest.raises(ZeroDivisionError), store.begin() as tx:
        tx.notifications.add(made)
        raise ZeroDivisionError
    with store.begin() as tx:
        assert tx.notifications.get(made.id) is None


def test_an_event_is_marked_with_its_first_transaction(store: Store) -> None:
    event_id = new_id()
    with handling("messaging", event_id), store.begin() as tx:
        tx.notifications.add(notification(event_id=event_id))
    with pytest.raises(AlreadyHandled), handling("messaging", event_id), store.begin() as tx:
        tx.notifications.add(notification())


def test_a_request_id_is_remembered(store: Store) -> None:
    key = RequestKey("user:a", "Send", "r-1", b"one")
    with store.begin() as tx:
        assert tx.requests.claim(key, "n-1") is None
    with store.begin() as tx:
        assert tx.requests.claim(key, "n-2") == "n-1"
    with pytest.raises(RequestIdReused), store.begin() as tx:
        tx.requests.claim(RequestKey("user:a", "Send", "r-1", b"two"), "n-3")


def test_two_who_look_for_work_at_once_find_different_deliveries(database: Database) -> None:
    store = PostgresStore(database.writer)
    mails = {stored(store, notification(channels=(Channel.EMAIL,)))[0].id for _ in range(2)}
    with store.begin() as one, store.begin() as other, store.begin() as third:
        found = [one.deliveries.due(START), other.deliveries.due(START)]
        assert third.deliveries.due(START) is None
    assert {delivery.id for delivery in found if delivery} == mails


def test_marking_all_at_once_counts_each_notification_once(database: Database) -> None:
    store, ada = PostgresStore(database.writer), new_id()
    for _ in range(40):
        stored(store, notification(ada))

    def mark(_: int) -> int:
        with store.begin() as tx:
            return tx.notifications.mark_all_as_read(ada, START)

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(mark, range(6))) == 40
