"""Live streams over a real server: pushed at once, in every process, and ended with a reason."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, TypeVar

import grpc
import pytest
from campus.identity.v1.events_pb2 import SessionRevoked
from campus.messaging.v1.notification_service_pb2 import (
    StreamEnd,
    WatchNotificationsRequest,
    WatchNotificationsResponse,
)
from campus.messaging.v1.notification_service_pb2_grpc import NotificationServiceStub

from deploy.local.pki import Pki
from services.chassis.consumer import Envelope
from services.chassis.db import Database
from services.kernel.clock import system_clock
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from services.kernel.rows import Rows
from services.messaging import api, commands, queries
from services.messaging.adapters.live import SUBJECT, LiveNotifications
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.domain.notification import Channel, Notification
from tests.harness.serving import Served, refused, served
from tests.messaging.conftest import FakeUsers, notification, stored

T = TypeVar("T")


class Wire:
    """What the bus is to the processes of one service: notes reach all who listen, unless it is away."""

    def __init__(self) -> None:
        self.ears: list[Callable[[str, bytes], None]] = []
        self.notes: list[bytes] = []
        self.away = False

    def check(self) -> bool:
        return not self.away

    def broadcast(self, subject: str, payload: bytes) -> None:
        assert subject == SUBJECT
        if not self.away:
            self.notes.append(payload)
            for ear in self.ears:
                ear(subject, payload)

    def listen(self, subject: str, callback: Callable[[str, bytes], None]) -> None:
        assert subject == SUBJECT
        self.ears.append(callback)


class Process:
    """One process of the service, with its API."""

    def __init__(self, live: LiveNotifications, api_: Served, store: PostgresStore) -> None:
        self.live, self.api, self._store = live, api_, store
        self._stub = api_.anonymous(NotificationServiceStub)

    def watch(self, user_id: str, **claims: Any) -> Iterator[WatchNotificationsResponse]:
        bearer = (("authorization", f"Bearer {self.api.signer.token(user_id, **claims)}"),)
        found: Iterator[WatchNotificationsResponse] = self._stub.WatchNotifications(
            WatchNotificationsRequest(), metadata=bearer, timeout=30
        )
        return found

    def opened(self, user_id: str, **claims: Any) -> Iterator[WatchNotificationsResponse]:
        """A stream whose first heartbeat has come."""
        stream = self.watch(user_id, **claims)
        assert next(stream).WhichOneof("event") == "heartbeat"
        return stream

    def make(self, user_id: str, channels: tuple[Channel, ...] = (Channel.IN_APP,)) -> Notification:
        made = notification(user_id, channels)
        stored(self._store, made)
        self.live.made(made)
        return made


Start = Callable[..., Process]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def start(database: Database, pki: Pki, users: FakeUsers, wire: Wire) -> Iterator[Start]:
    with ExitStack() as running:

        def process(rows: Rows = database.reader, **options: Any) -> Process:
            live = LiveNotifications(wire, rows, system_clock, **options)
            store = PostgresStore(database.writer)
            servicers = [
                api.NotificationService(store, database.reader, users, live, live.of_call, system_clock),
                api.MessagingInternalService(store, users, live, system_clock),
            ]
            found = running.enter_context(served(servicers, commands, queries, pki))
            live.start()
            running.callback(live.close)
            return Process(live, found, store)

        yield process


class AwayRows:
    """A database that is out of reach."""

    def all(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> list[T]:
        raise DependencyUnavailable

    def one(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> T | None:
        raise DependencyUnavailable


def opens(process: Process, user_id: str) -> bool:
    try:
        process.opened(user_id)
    except grpc.RpcError:
        return False
    return True


def end_of(stream: Iterator[WatchNotificationsResponse]) -> StreamEnd:
    """How the stream ends; nothing may follow."""
    last = [message for message in stream if message.WhichOneof("event") != "heartbeat"]
    assert [message.WhichOneof("event") for message in last] == ["end"]
    return last[0].end


def test_a_stream_begins_with_a_heartbeat_and_shows_what_is_made(start: Start) -> None:
    ada, process = new_id(), start()
    began = time.monotonic()
    stream, bob = process.opened(ada), process.opened(new_id())
    assert time.monotonic() - began < 2
    made = process.make(ada)
    shown = next(stream).notification
    assert (shown.notification_id, shown.subject, shown.message) == (made.id, made.text.subject, made.text.message)
    process.make(ada, (Channel.EMAIL,))
    second = process.make(ada)
    assert next(stream).notification.notification_id == second.id, "what is only mailed is not shown"
    process.live.close()
    assert end_of(bob).reason == StreamEnd.REASON_SERVER_LEAVING


def test_silence_is_filled_with_heartbeats(start: Start) -> None:
    stream = start(heartbeat_seconds=0.1).opened(new_id())
    times = [next(stream).heartbeat.at.ToDatetime() for _ in range(3)]
    assert times[0] < times[1] < times[2]


def test_what_one_process_makes_is_shown_by_every_process_once(start: Start, wire: Wire) -> None:
    ada, one, other = new_id(), start(), start()
    streams = [one.opened(ada), one.opened(ada), other.opened(ada)]
    made = [one.make(ada), other.make(ada)]
    for stream in streams:
        assert {next(stream).notification.notification_id for _ in made} == {each.id for each in made}
    one.live.close()
    other.live.close()
    for stream in streams:
        assert end_of(stream).reason == StreamEnd.REASON_SERVER_LEAVING
    notes = [json.loads(note) for note in wire.notes]
    assert [set(note) for note in notes] == [{"from", "user_id", "notification_id"}] * 2, "ids alone travel"


def test_a_hundred_streams_share_few_threads_and_each_gets_its_own(start: Start) -> None:
    process = start()
    users = [new_id() for _ in range(100)]
    before = threading.active_count()
    streams = {user: process.opened(user) for user in users}
    assert threading.active_count() - before <= 2, "the client's own"
    made = {user: process.make(user) for user in users}
    for user, stream in streams.items():
        assert next(stream).notification.notification_id == made[user].id
    process.live.close()
    assert {end_of(stream).reason for stream in streams.values()} == {StreamEnd.REASON_SERVER_LEAVING}


def test_the_drain_tells_each_client_its_own_time_to_come_back(start: Start) -> None:
    process = start()
    streams = [process.opened(new_id()) for _ in range(20)]
    process.live.close()
    waits = [end_of(stream).retry_after_ms for stream in streams]
    assert all(0 < wait <= 5000 for wait in waits)
    assert len(set(waits)) > 10


def test_one_user_has_so_many_streams_and_a_closed_one_frees_its_place(start: Start) -> None:
    process, ada = start(per_user=2), new_id()
    first = process.opened(ada)
    second = process.opened(ada)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS"):
        next(process.watch(ada))
    process.opened(new_id())
    cancel: Any = first
    cancel.cancel()
    end = time.monotonic() + 5
    while not opens(process, ada):
        assert time.monotonic() < end, "the place is not free"
    made = process.make(ada)
    assert next(second).notification.notification_id == made.id


def test_a_stream_does_not_outlive_its_token(start: Start) -> None:
    process = start()
    stream = process.opened(new_id(), exp=int(time.time()) + 1)
    lasting = process.opened(new_id())
    assert end_of(stream).reason == StreamEnd.REASON_TOKEN_EXPIRED
    process.live.look_after(system_clock() + timedelta(minutes=11))
    assert end_of(lasting).reason == StreamEnd.REASON_TOKEN_EXPIRED


def test_the_end_of_a_session_ends_its_streams_and_no_others(start: Start) -> None:
    process, ada = start(), new_id()
    ended, kept = process.opened(ada, sid="phone"), process.opened(ada, sid="desk")
    envelope = Envelope(new_id(), "", system_clock(), "", 1, "")
    process.live.on_session_revoked(SessionRevoked(session_id="phone", user_id=ada), envelope)
    assert end_of(ended).reason == StreamEnd.REASON_SESSION_REVOKED
    made = process.make(ada)
    assert next(kept).notification.notification_id == made.id


def test_after_a_loss_of_the_bus_all_streams_end_because_something_may_be_missing(start: Start, wire: Wire) -> None:
    one, other = start(), start()
    streams = [one.opened(new_id()), other.opened(new_id())]
    wire.away = True
    one.live.look_after(system_clock())
    one.make(new_id())
    wire.away = False
    one.live.look_after(system_clock())
    assert {end_of(stream).reason for stream in streams} == {StreamEnd.REASON_FAULT}
    assert one.opened(new_id())


def test_a_notification_that_can_not_be_read_ends_the_streams_that_miss_it(start: Start) -> None:
    process, ada = start(rows=AwayRows()), new_id()
    mine, bob = process.opened(ada), process.opened(new_id())
    process.live.hear(SUBJECT, json.dumps({"from": "x", "user_id": ada, "notification_id": new_id()}).encode())
    assert end_of(mine).reason == StreamEnd.REASON_FAULT
    process.live.close()
    assert end_of(bob).reason == StreamEnd.REASON_SERVER_LEAVING
