"""Real SQL in the reader's role."""

from datetime import timedelta

import pytest

from deploy.local.postgres import Postgres
from services.chassis import tables as chassis_tables
from services.chassis.db import Database
from services.chassis.migrate import differences
from services.kernel.errors import PageTokenInvalid
from services.kernel.ids import new_id
from services.messaging import queries, tables
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.domain.delivery import State
from services.messaging.domain.notification import Channel, Notification
from tests.harness.databases import owner_url
from tests.messaging.conftest import START, notification, stored

ADA, BOB = new_id(), new_id()


def test_the_tables_are_what_the_migrations_make(database: Database, postgres: Postgres) -> None:
    metadata = [chassis_tables.METADATA, tables.METADATA]
    assert differences(metadata, owner_url(postgres, "messaging")) == []


def in_order(count: int) -> list[Notification]:
    """Ada's notifications as the list has them from its end; those of one millisecond are in no particular order."""
    return sorted((notification(ADA) for _ in range(count)), key=lambda each: each.id)


def listed(
    database: Database, user_id: str = ADA, unread: bool = False, size: int = 0, token: str = ""
) -> queries.Listed:
    return queries.list_notifications(queries.ListNotifications(user_id, unread, size, token), database.reader)


def test_users_see_their_own_list_newest_first_with_what_is_unread(database: Database) -> None:
    store = PostgresStore(database.writer)
    made = in_order(3)
    for each in [*made, notification(ADA, (Channel.EMAIL,)), notification(BOB)]:
        stored(store, each)
    with store.begin() as tx:
        oldest = tx.notifications.get(made[0].id)
        assert oldest
        oldest.mark_as_read(START)
        tx.notifications.save(oldest)
    found = listed(database)
    assert [row.id for row in found.page.rows] == [each.id for each in reversed(made)]
    assert (found.unread_count, found.page.next_token) == (2, "")
    assert found.page.rows[2].read_at == START
    unread = listed(database, unread=True)
    assert [row.id for row in unread.page.rows] == [made[2].id, made[1].id]
    assert listed(database, new_id()).unread_count == 0


def test_pages_follow_each_other_though_something_new_arrives(database: Database) -> None:
    store = PostgresStore(database.writer)
    made = in_order(5)
    for each in made:
        stored(store, each)
    first = listed(database, size=2)
    stored(store, notification(ADA))
    second = listed(database, size=2, token=first.page.next_token)
    third = listed(database, size=2, token=second.page.next_token)
    shown = [row.id for part in (first, second, third) for row in part.page.rows]
    assert shown == [each.id for each in reversed(made)]
    assert third.page.next_token == ""


@pytest.mark.parametrize("token", ["abc", "W10"])
def test_a_token_that_is_not_ours_is_refused(database: Database, token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        listed(database, token=token)


def test_a_token_is_for_the_list_that_gave_it(database: Database) -> None:
    store = PostgresStore(database.writer)
    for _ in range(2):
        stored(store, notification(ADA))
    token = listed(database, size=1).page.next_token
    for other in ({"user_id": BOB}, {"unread": True}):
        with pytest.raises(PageTokenInvalid):
            listed(database, size=1, token=token, **other)


def test_a_list_shows_nothing_of_its_content_where_it_is_logged(database: Database) -> None:
    stored(PostgresStore(database.writer), notification(ADA))
    assert "Good to see you" not in repr(listed(database))


def deliveries(
    database: Database,
    user_id: str = "",
    state: State | None = None,
    channel: Channel | None = None,
    size: int = 0,
    token: str = "",
) -> set[tuple[str, str, str]]:
    page = queries.list_deliveries(queries.ListDeliveries(user_id, state, channel, size, token), database.reader)
    assert [row.id for row in page.rows] == sorted((row.id for row in page.rows), reverse=True)
    return {(row.user_id, row.channel, row.state) for row in page.rows}


def test_the_log_lists_what_matches_every_filter(database: Database) -> None:
    store = PostgresStore(database.writer)
    stored(store, notification(ADA))
    stored(store, notification(BOB, (Channel.EMAIL,), at=START + timedelta(minutes=1)))
    with store.begin() as tx:
        due = tx.deliveries.due(START)
        assert due
        assert due.user_id == ADA
        due.begin_attempt(START)
        due.refuse("smtp_550")
        tx.deliveries.save(due)
    ada_mail, ada_list, bob_mail = (ADA, "email", "failed"), (ADA, "in_app", "sent"), (BOB, "email", "pending")
    assert deliveries(database) == {bob_mail, ada_mail, ada_list}
    assert deliveries(database, ADA) == {ada_mail, ada_list}
    assert deliveries(database, state=State.PENDING) == {bob_mail}
    assert deliveries(database, channel=Channel.EMAIL) == {bob_mail, ada_mail}
    assert deliveries(database, ADA, State.FAILED, Channel.EMAIL) == {ada_mail}
    assert deliveries(database, BOB, State.FAILED) == set()


def test_the_log_has_pages(database: Database) -> None:
    for _ in range(2):
        stored(PostgresStore(database.writer), notification(ADA))
    query = queries.ListDeliveries(ADA, None, None, 3, "")
    first = queries.list_deliveries(query, database.reader)
    rest = queries.list_deliveries(queries.ListDeliveries(ADA, None, None, 3, first.next_token), database.reader)
    assert (len(first.rows), len(rest.rows), rest.next_token) == (3, 1, "")
    assert len({row.id for row in [*first.rows, *rest.rows]}) == 4
    with pytest.raises(PageTokenInvalid):
        queries.list_deliveries(queries.ListDeliveries(BOB, None, None, 3, first.next_token), database.reader)
