"""The relay against a real PostgreSQL; what it publishes to is the test's own ear."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from campus.identity.v1.events_pb2 import UserRegistered

from services.chassis.db import Database, Work
from services.chassis.outbox import Outgoing, Relay
from services.kernel.ids import new_id
from tests.chassis.conftest import Urls
from tests.chassis.test_db import together

Owner = psycopg.Connection[tuple[Any, ...]]


class Ear:
    """Hears what is published; on demand it doesn't say so, as when an acknowledgement is lost."""

    def __init__(self) -> None:
        self.heard: list[Outgoing] = []
        self.losing: Callable[[Outgoing], bool] = lambda event: False

    def publish(self, chains: Sequence[Sequence[Outgoing]]) -> set[str]:
        acknowledged = set()
        for chain in chains:
            for event in chain:
                self.heard.append(event)
                if self.losing(event):
                    break
                acknowledged.add(event.id)
        return acknowledged

    def versions(self, aggregate: str) -> list[int]:
        return [int(e.headers["aggregate-version"]) for e in self.heard if e.aggregate_id == aggregate]


@contextmanager
def relaying(database: Database, ear: Ear, **options: Any) -> Iterator[Relay]:
    relay = Relay(database.writer, ear.publish, **options)
    database.writer.wakes(relay.wake)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not come to be in time")
        time.sleep(0.005)


def announce(work: Work, aggregate: str, version: int) -> None:
    work.announce(UserRegistered(user_id=aggregate), aggregate, version)


def waiting(owner: Owner) -> int:
    row = owner.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
    assert row
    return int(row[0])


def test_what_commits_late_is_published_though_later_events_went_before(database: Database, owner: Owner) -> None:
    ear = Ear()
    with relaying(database, ear):
        with database.writer.begin() as slow:
            announce(slow, "slow", 1)
            slow.flush()
            with database.writer.begin() as fast:
                announce(fast, "fast", 1)
            until(lambda: ear.versions("fast") == [1])
            assert ear.versions("slow") == []
        until(lambda: ear.versions("slow") == [1])
    order = [row[0] for row in owner.execute("SELECT aggregate_id FROM outbox ORDER BY seq").fetchall()]
    assert order == ["slow", "fast"]


def test_sixteen_writers_lose_nothing_and_keep_each_order(database: Database, owner: Owner) -> None:
    ear = Ear()
    dice = random.Random(7)  # noqa: S311 - naps, not secrets
    naps = [[dice.random() * 0.01 for _ in range(20)] for _ in range(16)]

    def write(i: int) -> None:
        for version, nap in enumerate(naps[i], start=1):
            with database.writer.begin() as work:
                announce(work, f"aggregate-{i}", version)
                work.flush()
                time.sleep(nap)

    with relaying(database, ear), relaying(database, ear):
        assert together(16, write) == [None] * 16
        until(lambda: waiting(owner) == 0)
    assert all(ear.versions(f"aggregate-{i}") == list(range(1, 21)) for i in range(16))


def test_a_second_relay_does_not_overtake_one_that_is_slow(database: Database, owner: Owner) -> None:
    slow, quick, publishing, go_on = Ear(), Ear(), threading.Event(), threading.Event()

    def hesitate(event: Outgoing) -> bool:
        publishing.set()
        go_on.wait(5)
        return False

    slow.losing = hesitate
    with relaying(database, slow, poll=0.02):
        with database.writer.begin() as work:
            announce(work, "a", 1)
        publishing.wait(5)
        with relaying(database, quick, poll=0.02):
            with database.writer.begin() as work:
                announce(work, "a", 2)
            time.sleep(0.2)
            assert quick.heard == []
            go_on.set()
            until(lambda: waiting(owner) == 0)
    assert slow.versions("a") + quick.versions("a") == [1, 2]


def test_a_commit_wakes_the_relay_long_before_it_would_look_by_itself(database: Database) -> None:
    ear = Ear()
    with relaying(database, ear, poll=30):
        with database.writer.begin() as work:
            announce(work, "first", 1)
        until(lambda: ear.versions("first") == [1], 5)
        took = []
        for n in range(20):
            started = time.monotonic()
            with database.writer.begin() as work:
                announce(work, f"a{n}", 1)
            until(lambda n=n: ear.versions(f"a{n}") == [1], 5)  # type: ignore[misc]
            took.append(time.monotonic() - started)
        assert sorted(took)[10] < 0.1


def test_without_being_woken_the_relay_finds_what_others_wrote(urls: Urls, database: Database) -> None:
    ear = Ear()
    other = Database(urls.writer, urls.reader)
    with relaying(database, ear):
        with other.writer.begin() as work:
            announce(work, "foreign", 1)
        until(lambda: ear.versions("foreign") == [1], 5)
    other.close()
    assert ear.versions("foreign") == [1]


def test_what_is_not_acknowledged_comes_again_under_its_id_and_holds_back_only_its_aggregate(
    database: Database, owner: Owner
) -> None:
    ear = Ear()
    ear.losing = lambda event: event.aggregate_id == "a" and len(ear.versions("a")) <= 2
    with database.writer.begin() as work:
        for version in (1, 2, 3):
            announce(work, "a", version)
            announce(work, "b", version)
    with relaying(database, ear, poll=0.05):
        until(lambda: waiting(owner) == 0)
    assert ear.versions("b") == [1, 2, 3]
    assert ear.versions("a") == [1, 1, 1, 2, 3]
    firsts = [event.id for event in ear.heard if event.aggregate_id == "a"][:3]
    assert len(set(firsts)) == 1


def test_a_lost_database_session_stops_the_relay_for_a_moment_only(database: Database, postgres: Any) -> None:
    ear = Ear()
    with relaying(database, ear, poll=0.05):
        with database.writer.begin() as work:
            announce(work, "before", 1)
        until(lambda: ear.versions("before") == [1])
        with psycopg.connect(postgres.admin_url(), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'campus-relay'"
            )
        with database.writer.begin() as work:
            announce(work, "after", 1)
        until(lambda: ear.versions("after") == [1])
    assert (ear.versions("before"), ear.versions("after")) == ([1], [1])


def test_stopping_publishes_what_is_there(database: Database, owner: Owner) -> None:
    ear = Ear()
    relay = Relay(database.writer, ear.publish, poll=30)
    relay.start()
    until(lambda: threading.active_count() > 1)
    with database.writer.begin() as work:
        announce(work, "last", 1)
    relay.stop()
    assert ear.versions("last") == [1]
    assert waiting(owner) == 0


def test_what_nobody_can_ask_for_is_forgotten_and_nothing_else(database: Database, owner: Owner) -> None:
    insert = (
        "INSERT INTO outbox (id, subject, payload, headers, aggregate_id, aggregate_version, created_at, published_at)"
    )
    for kept, published in (("old", "36 days"), ("young", "34 days")):
        owner.execute(
            f"{insert} VALUES (%s, 's', '', '{{}}', %s, 1, now(), now() - %s::interval)", [new_id(), kept, published]
        )
    owner.execute(f"{insert} VALUES (%s, 's', '', '{{}}', 'waiting', 1, now() - interval '99 days', NULL)", [new_id()])
    ear = Ear()
    ear.losing = lambda event: True
    with relaying(database, ear):
        until(lambda: owner.execute("SELECT count(*) FROM outbox").fetchone() == (2,))
    rows = owner.execute("SELECT aggregate_id FROM outbox ORDER BY 1").fetchall()
    assert rows == [("waiting",), ("young",)]
