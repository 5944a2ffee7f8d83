"""Events from one service's commit to another's effect, through a real NATS and a real PostgreSQL."""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import nats as nats_client
import psycopg
import pytest
from campus.identity.v1.events_pb2 import ProfileUpdated, SessionRevoked, UserRegistered
from google.protobuf.message import Message

from deploy.local.nats import Nats
from deploy.local.ports import choose
from services.chassis.bus import Bus, Envelope, Subscription
from services.chassis.db import Database
from services.chassis.outbox import Outgoing, Relay
from services.chassis.pull import Patience
from services.chassis.telemetry import current_trace, in_trace
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from tests.chassis.test_db import add
from tests.chassis.test_outbox import until, waiting

Owner = psycopg.Connection[tuple[Any, ...]]
QUICK = Patience(first_pause=0.02, longest_pause=0.1, attempts=3)


@pytest.fixture(autouse=True)
def _empty_streams(nats: Nats) -> None:
    async def empty() -> None:
        client = await nats_client.connect(nats.url("observer"))
        for stream in await client.jetstream().streams_info():
            await client.jetstream().delete_stream(str(stream.config.name))
        await client.close()

    asyncio.run(empty())


@dataclass
class Learning:
    """The effects of identity's events in a neighbour: a row per event, written the way a command would."""

    database: Database
    heard: list[tuple[str, int]] = field(default_factory=list)
    trouble: Callable[[Envelope], Exception | None] = lambda envelope: None

    def on_user_registered(self, message: Message, envelope: Envelope) -> None:
        if error := self.trouble(envelope):
            raise error
        with self.database.writer.begin() as work:
            add(work, f"{envelope.aggregate_id}-{envelope.aggregate_version}-{new_id()}")
        self.heard.append((envelope.aggregate_id, envelope.aggregate_version))

    def versions(self, aggregate: str) -> list[int]:
        return [version for name, version in self.heard if name == aggregate]

    @property
    def subscriptions(self) -> list[Subscription]:
        return [Subscription(UserRegistered, self.on_user_registered)]


@contextmanager
def running(bus: Bus) -> Iterator[Bus]:
    bus.start()
    try:
        yield bus
    finally:
        bus.stop()


@contextmanager
def consuming(bus: Bus, learning: Learning) -> Iterator[Bus]:
    with running(bus):
        bus.subscribe(learning.subscriptions, learning.database)
        try:
            yield bus
        finally:
            bus.stop_consuming()


@contextmanager
def relaying(database: Database, bus: Bus) -> Iterator[None]:
    relay = Relay(database.writer, bus.publish, poll=0.05)
    database.writer.wakes(relay.wake)
    relay.start()
    try:
        yield
    finally:
        relay.stop()


@pytest.fixture
def identity(nats: Nats, database: Database) -> Iterator[Bus]:
    with running(Bus(nats.url("identity"), "identity")) as bus, relaying(database, bus):
        yield bus


@pytest.fixture
def learning(database: Database) -> Learning:
    return Learning(database)


def register(database: Database, aggregate: str, *versions: int) -> None:
    for version in versions:
        with database.writer.begin() as work:
            work.announce(UserRegistered(user_id=aggregate), aggregate, version)


def effects(owner: Owner) -> int:
    row = owner.execute("SELECT count(*) FROM courses").fetchone()
    assert row
    return int(row[0])


def dead(owner: Owner) -> list[tuple[Any, ...]]:
    return owner.execute("SELECT id, reason, attempts, replayed_at FROM dead_letters").fetchall()


def test_an_event_has_its_effect_next_door_with_its_trace_and_soon(
    nats: Nats, identity: Bus, database: Database, owner: Owner
) -> None:
    traces = []
    learning = Learning(database, trouble=lambda envelope: traces.append((envelope, current_trace())))
    with consuming(Bus(nats.url("learning"), "learning"), learning):
        with in_trace("00-" + "c" * 32 + "-" + "d" * 16 + "-01", "corr-7", "user-9"):
            register(database, "anna", 1)
        until(lambda: learning.heard == [("anna", 1)])
        envelope, trace = traces[0]
        assert envelope.actor == trace.actor == "user-9"
        assert trace.correlation_id == "corr-7"
        assert trace.traceparent[3:35] == "c" * 32
        assert abs(datetime.now(UTC) - envelope.occurred_at) < timedelta(seconds=10)
        assert owner.execute("SELECT consumer, event_id::text FROM inbox").fetchall() == [
            ("learning", envelope.event_id)
        ]
        took = []
        for n in range(20):
            started = time.monotonic()
            register(database, f"b{n}", 1)
            until(lambda n=n: learning.heard[-1] == (f"b{n}", 1))  # type: ignore[misc]
            took.append(time.monotonic() - started)
        assert sorted(took)[10] < 0.25


def test_nats_is_killed_under_load_and_every_event_has_its_effect_once_and_in_order(
    nats: Nats, identity: Bus, database: Database, learning: Learning, owner: Owner
) -> None:
    done = threading.Event()

    def write() -> None:
        for version in range(1, 61):
            for aggregate in ("a", "b", "c"):
                register(database, aggregate, version)
            done.wait(0.01)

    with consuming(Bus(nats.url("learning"), "learning", QUICK), learning):
        until(lambda: identity.check())
        writer = threading.Thread(target=write)
        writer.start()
        until(lambda: len(learning.heard) > 20)
        nats.kill()
        until(lambda: not identity.check())
        nats.start()
        writer.join()
        until(lambda: len(learning.heard) >= 180, 30)
        assert waiting(owner) == 0
        assert effects(owner) == 180
        assert all(learning.versions(a) == list(range(1, 61)) for a in "abc")


def test_an_event_stored_twice_has_one_effect(nats: Nats, database: Database, learning: Learning, owner: Owner) -> None:
    """The acknowledgement is lost, and the retry comes when the server no longer knows the first."""

    async def shorten_memory() -> None:
        client = await nats_client.connect(nats.url("observer"))
        stream = await client.jetstream().stream_info("CAMPUS_IDENTITY")
        stream.config.duplicate_window = 0.1
        await client.jetstream().update_stream(stream.config)
        await client.close()

    async def stored() -> int:
        client = await nats_client.connect(nats.url("observer"))
        stream = await client.jetstream().stream_info("CAMPUS_IDENTITY")
        await client.close()
        return stream.state.messages

    headers = {"Nats-Msg-Id": new_id(), "aggregate-id": "a", "aggregate-version": "1"}
    headers["occurred-at"] = datetime.now(UTC).isoformat()
    subject, payload = UserRegistered.DESCRIPTOR.full_name, UserRegistered(user_id="a").SerializeToString()
    event = Outgoing(headers["Nats-Msg-Id"], subject, payload, headers, "a")
    with running(Bus(nats.url("identity"), "identity")) as identity:
        until(lambda: identity.publish([[event]]) == {event.id})
        assert identity.publish([[event]]) == {event.id}
        assert asyncio.run(stored()) == 1
        asyncio.run(shorten_memory())
        until(lambda: bool(identity.publish([[event]])) and asyncio.run(stored()) > 1)
    with consuming(Bus(nats.url("learning"), "learning"), learning):
        until(lambda: acknowledged(nats) >= 2)
    assert effects(owner) == 1
    assert learning.heard == [("a", 1)]


def test_a_full_stream_refuses_and_loses_nothing(nats: Nats, identity: Bus, database: Database, owner: Owner) -> None:
    async def limit(messages: int) -> int:
        client = await nats_client.connect(nats.url("observer"))
        stream = await client.jetstream().stream_info("CAMPUS_IDENTITY")
        stream.config.max_msgs = messages
        await client.jetstream().update_stream(stream.config)
        await client.close()
        return stream.state.messages

    register(database, "a", 1)
    until(lambda: waiting(owner) == 0)
    asyncio.run(limit(2))
    with database.writer.begin() as work:
        for version in (2, 3, 4):
            work.announce(UserRegistered(user_id="a"), "a", version)
    until(lambda: waiting(owner) == 2)
    assert asyncio.run(limit(-1)) == 2
    learning = Learning(database)
    with consuming(Bus(nats.url("learning"), "learning"), learning):
        until(lambda: learning.versions("a") == [1, 2, 3, 4])
    assert waiting(owner) == 0


def acknowledged(nats: Nats) -> int:
    async def floor() -> int:
        client = await nats_client.connect(nats.url("observer"))
        try:
            info = await client.jetstream().consumer_info("CAMPUS_IDENTITY", "learning")
        except nats_client.js.errors.NotFoundError:
            return 0
        finally:
            await client.close()
        return info.ack_floor.stream_seq if info.ack_floor else 0

    return asyncio.run(floor())


def test_a_failing_event_holds_back_its_aggregate_in_order_and_no_other(
    nats: Nats, identity: Bus, database: Database
) -> None:
    failures: list[str] = []

    def twice(envelope: Envelope) -> Exception | None:
        if envelope.aggregate_id == "a" and len(failures) < 2:
            failures.append(envelope.event_id)
            return ValueError("not yet")
        return None

    learning = Learning(database, trouble=twice)
    patience = Patience(first_pause=0.3, longest_pause=0.3, attempts=5)
    with consuming(Bus(nats.url("learning"), "learning", patience), learning):
        register(database, "a", 1, 2, 3)
        register(database, "b", 1, 2)
        until(lambda: len(learning.heard) == 5)
    assert learning.heard == [("b", 1), ("b", 2), ("a", 1), ("a", 2), ("a", 3)]


def test_events_of_several_aggregates_are_handled_at_once(nats: Nats, identity: Bus, database: Database) -> None:
    meeting = threading.Barrier(2, timeout=5)

    def meet(envelope: Envelope) -> None:
        meeting.wait()

    learning = Learning(database, trouble=meet)
    with consuming(Bus(nats.url("learning"), "learning"), learning):
        register(database, "a", 1, 2)
        register(database, "b", 1, 2)
        until(lambda: len(learning.heard) == 4)
    assert not meeting.broken
    assert learning.versions("a") == learning.versions("b") == [1, 2]


def test_poison_goes_to_the_dead_letters_and_is_replayed_once(
    nats: Nats, identity: Bus, database: Database, owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    def poison(envelope: Envelope) -> Exception | None:
        return (
            ValueError("anna@example.org") if (envelope.aggregate_id, envelope.aggregate_version) == ("a", 1) else None
        )

    learning = Learning(database, trouble=poison)
    with consuming(Bus(nats.url("learning"), "learning", QUICK), learning) as bus:
        register(database, "a", 1, 2)
        register(database, "b", 1)
        until(lambda: len(learning.heard) == 2 and len(dead(owner)) == 1)
        until(lambda: acknowledged(nats) == 3)
        ((letter_id, reason, attempts, replayed),) = dead(owner)
        assert attempts == 3
        assert replayed is None
        assert "ValueError" in reason
        assert "anna" not in reason
        task = bus.dead_letters_task(database, learning.subscriptions)
        task(["list"])
        assert str(letter_id) in capsys.readouterr().out
        with pytest.raises(ValueError, match="anna"):
            task(["replay", str(letter_id)])
        assert dead(owner)[0][3] is None
        learning.trouble = lambda envelope: None
        task(["replay", str(letter_id)])
        with pytest.raises(SystemExit):
            task(["replay", str(letter_id)])
    assert learning.versions("a") == [2, 1]
    assert effects(owner) == 3
    assert dead(owner)[0][3] is not None


def test_what_a_neighbour_refuses_for_now_does_not_die(
    nats: Nats, identity: Bus, database: Database, owner: Owner
) -> None:
    tries = []

    def unavailable(envelope: Envelope) -> Exception | None:
        tries.append(envelope)
        return DependencyUnavailable() if len(tries) <= QUICK.attempts * 2 else None

    learning = Learning(database, trouble=unavailable)
    with consuming(Bus(nats.url("learning"), "learning", QUICK), learning):
        register(database, "a", 1)
        until(lambda: learning.heard == [("a", 1)])
    assert len(tries) == QUICK.attempts * 2 + 1
    assert dead(owner) == []


def test_a_handler_that_stores_nothing_is_marked_too(
    nats: Nats, identity: Bus, database: Database, owner: Owner
) -> None:
    seen: list[str] = []
    with running(Bus(nats.url("learning"), "learning")) as bus:
        bus.subscribe([Subscription(UserRegistered, lambda m, e: seen.append(m.user_id))], database)
        register(database, "a", 1)
        until(lambda: owner.execute("SELECT count(*) FROM inbox").fetchone() == (1,))
        bus.stop_consuming()
    assert seen == ["a"]


def test_neither_a_missing_server_nor_a_missing_stream_keeps_a_service_from_starting(
    nats: Nats, database: Database, learning: Learning, tmp_path: Any
) -> None:
    late = Nats(tmp_path / "nats", port=choose())
    late.start()
    urls = late.url("identity"), late.url("learning")
    late.stop()
    with ExitStack() as stack:
        consumer = stack.enter_context(consuming(Bus(urls[1], "learning", QUICK), learning))
        assert not consumer.check()
        late.start()
        stack.callback(late.stop)
        until(consumer.check)
        identity = stack.enter_context(running(Bus(urls[0], "identity")))
        stack.enter_context(relaying(database, identity))
        register(database, "a", 1)
        until(lambda: learning.heard == [("a", 1)])
        stack.pop_all().close()


def test_the_next_process_begins_with_what_the_last_had_in_hand(
    nats: Nats, identity: Bus, database: Database, owner: Owner
) -> None:
    stuck = threading.Event()
    first = Learning(database, trouble=lambda envelope: ValueError() if envelope.aggregate_version >= 3 else None)
    second = Learning(database)
    patient = Patience(first_pause=60, longest_pause=60)
    with consuming(Bus(nats.url("learning"), "learning", patient), first) as bus:
        register(database, "a", 1, 2, 3, 4)
        until(lambda: first.versions("a") == [1, 2])
        with consuming(Bus(nats.url("learning"), "learning"), second):
            register(database, "b", 1)
            until(lambda: first.versions("b") == [1])
            stuck.wait(0.3)
            assert second.heard == [], "two processes of one service handled events at the same time"
            bus.stop_consuming()
            register(database, "a", 5)
            until(lambda: second.versions("a") == [3, 4, 5])
    assert effects(owner) == 6


def consumer_info(nats: Nats) -> Any:
    async def ask() -> Any:
        client = await nats_client.connect(nats.url("observer"))
        try:
            return await client.jetstream().consumer_info("CAMPUS_IDENTITY", "learning")
        finally:
            await client.close()

    return asyncio.run(ask())


def test_an_event_that_takes_long_is_not_delivered_a_second_time(nats: Nats, identity: Bus, database: Database) -> None:
    def long(envelope: Envelope) -> None:
        time.sleep(1.2 if envelope.aggregate_id == "a" else 0)

    learning = Learning(database, trouble=long)
    with consuming(Bus(nats.url("learning"), "learning", Patience(ack_wait=0.5)), learning):
        register(database, "a", 1)
        register(database, "b", 1)
        until(lambda: len(learning.heard) == 2)
        until(lambda: acknowledged(nats) == 2)
        assert consumer_info(nats).delivered.consumer_seq == 2


def test_a_consumer_that_the_server_forgot_is_made_again(
    nats: Nats, identity: Bus, database: Database, learning: Learning, owner: Owner
) -> None:
    async def forget() -> None:
        client = await nats_client.connect(nats.url("observer"))
        await client.jetstream().delete_consumer("CAMPUS_IDENTITY", "learning")
        await client.close()

    with consuming(Bus(nats.url("learning"), "learning"), learning):
        register(database, "a", 1)
        until(lambda: acknowledged(nats) == 1)
        asyncio.run(forget())
        register(database, "a", 2)
        until(lambda: learning.heard == [("a", 1), ("a", 2)])
    assert effects(owner) == 2


def test_a_server_that_lost_its_store_gets_its_streams_and_consumers_again(
    nats: Nats, identity: Bus, database: Database, learning: Learning, owner: Owner
) -> None:
    with consuming(Bus(nats.url("learning"), "learning"), learning):
        register(database, "a", 1)
        until(lambda: acknowledged(nats) == 1)
        nats.kill()
        shutil.rmtree(nats.data_dir / "jetstream")
        nats.start()
        register(database, "a", 2)
        until(lambda: learning.heard == [("a", 1), ("a", 2)], 20)
        assert waiting(owner) == 0


def test_a_new_handler_gets_the_events_from_before_it_was_written(
    nats: Nats, identity: Bus, database: Database, learning: Learning
) -> None:
    with database.writer.begin() as work:
        work.announce(ProfileUpdated(user_id="early"), "early", 1)
    register(database, "a", 1)
    with consuming(Bus(nats.url("learning"), "learning"), learning):
        until(lambda: learning.heard == [("a", 1)])
    profiles: list[str] = []
    with running(Bus(nats.url("learning"), "learning")) as bus:
        added = Subscription(ProfileUpdated, lambda message, envelope: profiles.append(message.user_id))
        bus.subscribe([*learning.subscriptions, added], database)
        until(lambda: profiles == ["early"])
        register(database, "b", 1)
        until(lambda: learning.heard == [("a", 1), ("b", 1)])
        bus.stop_consuming()
    assert profiles == ["early"]


def test_every_process_hears_recent_and_new_revocations(nats: Nats, identity: Bus, database: Database) -> None:
    def revoke(session: str) -> None:
        with database.writer.begin() as work:
            work.announce(SessionRevoked(session_id=session), session, 1)

    revoke("past")
    heard: list[list[str]] = [[], []]
    since = datetime.now(UTC) - timedelta(minutes=15)
    with running(Bus(nats.url("learning"), "learning")) as one, running(Bus(nats.url("billing"), "billing")) as two:
        for bus, ears in zip((one, two), heard, strict=True):
            bus.replay_recent(SessionRevoked, since, lambda m, _, ears=ears: ears.append(m.session_id))  # type: ignore[misc]
        until(lambda: heard == [["past"], ["past"]])
        revoke("new")
        until(lambda: all(ears[-1] == "new" for ears in heard))
        nats.stop()
        nats.start()
        revoke("after the restart")
        until(lambda: all(ears[-1] == "after the restart" for ears in heard), 20)
    assert [list(dict.fromkeys(ears)) for ears in heard] == [["past", "new", "after the restart"]] * 2


def test_notes_reach_those_who_listen_in_order(nats: Nats) -> None:
    heard: list[tuple[str, bytes]] = []
    with running(Bus(nats.url("learning"), "learning")) as one, running(Bus(nats.url("learning"), "learning")) as two:
        two.listen("campus.learning.live.*", lambda subject, payload: heard.append((subject, payload)))
        until(lambda: one.check() and two.check())

        def noticed() -> bool:
            one.broadcast("campus.learning.live.hello", b"?")
            return bool(heard)

        until(noticed)
        for n in range(50):
            one.broadcast("campus.learning.live.n", str(n).encode())
        until(lambda: bool(heard) and heard[-1][1] == b"49")
    assert [payload for subject, payload in heard if subject.endswith(".n")] == [str(n).encode() for n in range(50)]
