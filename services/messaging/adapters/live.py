"""Live streams of notifications: opened, fed from every process, and ended when whoever watches may no longer."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

import grpc
from campus.identity.v1 import events_pb2
from campus.messaging.v1 import notification_service_pb2 as pb

from services.chassis.bus import Envelope
from services.chassis.streams import LiveTopic
from services.chassis.telemetry import logger
from services.kernel.clock import Clock
from services.kernel.errors import CampusError
from services.kernel.ids import new_id
from services.kernel.rows import Rows
from services.messaging import queries, wire
from services.messaging.domain.errors import TooManyStreams
from services.messaging.domain.notification import Channel, Notification
from services.messaging.ports import Watcher

log = logger("campus.messaging.live")

SUBJECT = "campus.messaging.live.notifications"
HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 0.25
MOST_STREAMS_PER_USER = 10

Message = pb.WatchNotificationsResponse
Send = Callable[[Message | None], None]


class Notes(Protocol):
    """The part of the bus that reaches the other processes of this service."""

    def check(self) -> bool: ...

    def broadcast(self, subject: str, payload: bytes) -> None: ...

    def listen(self, subject: str, callback: Callable[[str, bytes], None]) -> None: ...


@dataclass(frozen=True)
class _Opening:
    """A call that becomes a stream (ports.Streams)."""

    live: "LiveNotifications"
    context: grpc.ServicerContext
    send: Send

    def open(self, watcher: Watcher) -> None:
        self.live.open(watcher, self.context, self.send)


class LiveNotifications:
    """Between processes travel ids alone; each process reads what its own streams are to show. Notes that may have been
    lost while NATS was away are made good by ending all streams: their clients list, then watch again."""

    def __init__(
        self,
        notes: Notes,
        rows: Rows,
        clock: Clock,
        *,
        per_user: int = MOST_STREAMS_PER_USER,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._notes, self._rows, self._clock, self._per_user = notes, rows, clock, per_user
        self._topic: LiveTopic[Message] = LiveTopic(
            "notifications",
            heartbeat=lambda: wire.heartbeat(clock()),
            end=lambda: wire.stream_end(pb.StreamEnd.REASON_SERVER_LEAVING),
            every=heartbeat_seconds,
        )
        self._streams: dict[str, dict[str, Watcher]] = {}
        self._lock = threading.Lock()
        self._me = new_id()
        self._connected = self._was_connected = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="live-endings", daemon=True)

    def start(self) -> None:
        self._notes.listen(SUBJECT, self.hear)
        self.look_after(self._clock())
        self._thread.start()

    def of_call(self, context: grpc.ServicerContext, send: Send) -> _Opening:
        return _Opening(self, context, send)

    def open(self, watcher: Watcher, context: grpc.ServicerContext, send: Send) -> None:
        stream_id = new_id()
        with self._lock:
            mine = self._streams.setdefault(watcher.user_id, {})
            if len(mine) >= self._per_user:
                raise TooManyStreams(limit=str(self._per_user))
            mine[stream_id] = watcher
        try:
            self._topic.subscribe(stream_id, send, context, first=[wire.heartbeat(self._clock())])
        except CampusError:
            self._forget(watcher.user_id, stream_id)
            raise
        if not context.add_callback(partial(self._forget, watcher.user_id, stream_id)):
            self._forget(watcher.user_id, stream_id)

    def made(self, notification: Notification) -> None:
        """A notification was committed in this process."""
        if Channel.IN_APP not in notification.channels:
            return
        self._push(notification.user_id, wire.made(notification))
        self._tell(user_id=notification.user_id, notification_id=notification.id)

    def hear(self, _subject: str, payload: bytes) -> None:
        """A note from any process of this service, this one included."""
        note = json.loads(payload)
        if "gap" in note:
            self._end(lambda _: True, pb.StreamEnd.REASON_FAULT)
        elif note["from"] != self._me and note["user_id"] in self._streams:
            self._show(note["user_id"], note["notification_id"])

    def on_session_revoked(self, message: events_pb2.SessionRevoked, _: Envelope) -> None:
        self._end(lambda w: w.session_id == message.session_id, pb.StreamEnd.REASON_SESSION_REVOKED)

    def close(self) -> None:
        """Tells every client that the stream ends here; for the drain."""
        self._stopping.set()
        self._thread.join()
        self._topic.close()

    def _show(self, user_id: str, notification_id: str) -> None:
        try:
            row = queries.get_notification(queries.GetNotification(notification_id), self._rows)
        except CampusError as error:
            log.warning("a notification can't be read for its streams", exc_info=error)
            self._end(lambda w: w.user_id == user_id, pb.StreamEnd.REASON_FAULT)
            return
        if row is not None:
            self._push(user_id, wire.made(row))

    def _push(self, user_id: str, message: Message) -> None:
        with self._lock:
            mine = list(self._streams.get(user_id, ()))
        for stream_id in mine:
            self._topic.push(stream_id, message)

    def _tell(self, **note: str) -> None:
        self._notes.broadcast(SUBJECT, json.dumps({"from": self._me, **note}).encode())

    def _forget(self, user_id: str, stream_id: str) -> None:
        with self._lock:
            mine = self._streams.get(user_id, {})
            mine.pop(stream_id, None)
            if not mine:
                self._streams.pop(user_id, None)

    def _end(self, concerned: Callable[[Watcher], bool], reason: "pb.StreamEnd.Reason.ValueType") -> None:
        with self._lock:
            found = [(w.user_id, key) for mine in self._streams.values() for key, w in mine.items() if concerned(w)]
        for user_id, stream_id in found:
            self._forget(user_id, stream_id)
            self._topic.end(stream_id, wire.stream_end(reason))

    def _look_after(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.look_after(self._clock())

    def look_after(self, now: datetime) -> None:
        """Ends streams whose token's time is over; after a loss of NATS, ends those that may have missed something."""
        self._end(lambda watcher: watcher.until <= now, pb.StreamEnd.REASON_TOKEN_EXPIRED)
        connected = self._notes.check()
        if connected and not self._connected:
            if self._was_connected:
                self._tell(gap="")
            self._was_connected = True
            self._end(lambda _: True, pb.StreamEnd.REASON_FAULT)
        self._connected = connected
