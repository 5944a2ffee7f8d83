"""The store in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, literal_column, select, update
from sqlalchemy.dialects import postgresql

from services.chassis.db import Work, Writer
from services.kernel.requests import RequestLog
from services.messaging.domain.delivery import Delivery, State
from services.messaging.domain.notification import Channel, Kind, Notification, Text
from services.messaging.tables import deliveries, notifications

_n, _d = notifications.c, deliveries.c
# Written out, so that the planner knows which index it may use.
_PENDING = _d.state == literal_column(f"'{State.PENDING}'")


class PostgresStore:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @contextmanager
    def begin(self) -> Iterator["PostgresTx"]:
        with self._writer.begin() as work:
            yield PostgresTx(work)


class PostgresTx:
    def __init__(self, work: Work) -> None:
        self.notifications = PostgresNotifications(work)
        self.deliveries = PostgresDeliveries(work)
        self.requests: RequestLog = work.requests


class PostgresNotifications:
    def __init__(self, work: Work) -> None:
        self._work = work

    def add(self, notification: Notification) -> bool:
        row = {
            "id": notification.id,
            "version": 1,
            "user_id": notification.user_id,
            "kind": notification.kind,
            "about_id": notification.about_id,
            "event_id": notification.event_id,
            "in_app": Channel.IN_APP in notification.channels,
            "email": Channel.EMAIL in notification.channels,
            "subject": notification.text.subject,
            "message": notification.text.message,
            "created_at": notification.created_at,
            "read_at": notification.read_at,
        }
        new = postgresql.insert(notifications).values(row)
        once = new.on_conflict_do_nothing(constraint="notifications_event_id_kind_key").returning(_n.id)
        if self._work.execute(once).first() is None:
            return False
        notification.version = 1
        return True

    def get(self, notification_id: str) -> Notification | None:
        query = select(notifications).where(_n.id == notification_id).with_for_update(key_share=True)
        return _notification(self._work.execute(query).first())

    def save(self, notification: Notification) -> None:
        changed = {"read_at": notification.read_at}
        self._work.update_version(notifications, notification.id, notification.version, changed)
        notification.version += 1

    def mark_all_as_read(self, user_id: str, now: datetime) -> int:
        unread = (_n.user_id == user_id) & _n.in_app & _n.read_at.is_(None)
        # Two of these at once take the rows in the same order, so neither waits for what the other holds.
        mine = select(_n.id).where(unread).order_by(_n.id).with_for_update(key_share=True).cte("mine")
        read = update(notifications).where(_n.id == mine.c.id).values(read_at=now, version=_n.version + 1)
        return self._work.execute(read).rowcount


class PostgresDeliveries:
    def __init__(self, work: Work) -> None:
        self._work = work

    def add(self, delivery: Delivery) -> None:
        row = {"id": delivery.id, "version": 1, **_values(delivery)}
        self._work.execute(insert(deliveries).values(row))
        delivery.version = 1

    def due(self, now: datetime) -> Delivery | None:
        waiting = select(deliveries).where(_PENDING, _d.next_attempt_at <= now).order_by(_d.next_attempt_at).limit(1)
        return _delivery(self._work.execute(waiting.with_for_update(skip_locked=True)).first())

    def save(self, delivery: Delivery) -> None:
        self._work.update_version(deliveries, delivery.id, delivery.version, _values(delivery))
        delivery.version += 1


def _values(delivery: Delivery) -> dict[str, Any]:
    names = (column.name for column in deliveries.c if column.name not in ("id", "version"))
    return {name: getattr(delivery, name) for name in names}


def _notification(row: Row[Any] | None) -> Notification | None:
    if row is None:
        return None
    chosen = {Channel.IN_APP: row.in_app, Channel.EMAIL: row.email}
    return Notification(
        id=row.id,
        version=row.version,
        user_id=row.user_id,
        kind=Kind(row.kind),
        about_id=row.about_id,
        event_id=row.event_id,
        channels=tuple(channel for channel, used in chosen.items() if used),
        text=Text(row.subject, row.message),
        created_at=row.created_at,
        read_at=row.read_at,
    )


def _delivery(row: Row[Any] | None) -> Delivery | None:
    if row is None:
        return None
    words = {"kind": Kind(row.kind), "channel": Channel(row.channel), "state": State(row.state)}
    return Delivery(**(dict(row._mapping) | words))
