"""The read side: one frozen dataclass and one function per query."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select

from services.kernel.errors import PageTokenInvalid
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows
from services.messaging.domain.delivery import State
from services.messaging.domain.notification import Channel
from services.messaging.ports import Streams, Watcher
from services.messaging.tables import deliveries, notifications


@dataclass(frozen=True, slots=True)
class NotificationRow:
    id: str
    user_id: str
    kind: str
    about_id: str
    in_app: bool
    email: bool
    subject: str = field(repr=False)
    message: str = field(repr=False)
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    id: str
    notification_id: str
    user_id: str
    kind: str
    channel: str
    state: str
    attempt_count: int
    error: str
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Count:
    count: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of notifications, and how many of all are unread."""

    page: Page[NotificationRow]
    unread_count: int


_n, _d = notifications.c, deliveries.c

_NOTIFICATION = select(
    _n.id,
    _n.user_id,
    _n.kind,
    _n.about_id,
    _n.in_app,
    _n.email,
    _n.subject,
    _n.message,
    _n.created_at,
    _n.read_at,
)
_BY_ID = _NOTIFICATION.where(_n.id == bindparam("notification_id"))
_UNREAD = select(func.count()).where(_n.user_id == bindparam("user_id"), _n.in_app, _n.read_at.is_(None))


def _list(unread_only: bool, after: bool) -> Any:
    found = _NOTIFICATION.where(_n.user_id == bindparam("user_id"), _n.in_app)
    found = found.where(_n.read_at.is_(None)) if unread_only else found
    found = found.where(_n.id < bindparam("after")) if after else found
    return found.order_by(_n.id.desc()).limit(bindparam("limit"))


def _log(by_user: bool, by_state: bool, by_channel: bool, after: bool) -> Any:
    found = select(
        _d.id,
        _d.notification_id,
        _d.user_id,
        _d.kind,
        _d.channel,
        _d.state,
        _d.attempt_count,
        _d.error,
        _d.created_at,
        _d.next_attempt_at,
        _d.delivered_at,
    )
    found = found.where(_d.user_id == bindparam("user_id")) if by_user else found
    found = found.where(_d.state == bindparam("state")) if by_state else found
    found = found.where(_d.channel == bindparam("channel")) if by_channel else found
    found = found.where(_d.id < bindparam("after")) if after else found
    return found.order_by(_d.id.desc()).limit(bindparam("limit"))


_LISTS = {chosen: _list(*chosen) for chosen in product((False, True), repeat=2)}
_LOGS = {chosen: _log(*chosen) for chosen in product((False, True), repeat=4)}


@dataclass(frozen=True)
class ListNotifications:
    user_id: str
    unread_only: bool
    size: int
    token: str


def list_notifications(query: ListNotifications, rows: Rows) -> Listed:
    """Ids grow with time, so the newest notification has the greatest one."""
    request = PageRequest(query.size, query.token, f"{query.user_id} {query.unread_only}")
    after = _id_in(request.after(1))
    parameters: dict[str, Any] = {"user_id": query.user_id, "limit": request.limit + 1}
    found = rows.all(
        _LISTS[query.unread_only, bool(after)], NotificationRow, parameters | ({"after": after} if after else {})
    )
    unread = rows.one(_UNREAD, _Count, {"user_id": query.user_id})
    return Listed(page_of(found, request, lambda row: [row.id]), unread.count if unread else 0)


@dataclass(frozen=True)
class ListDeliveries:
    user_id: str
    state: State | None
    channel: Channel | None
    size: int
    token: str


def list_deliveries(query: ListDeliveries, rows: Rows) -> Page[DeliveryRow]:
    request = PageRequest(query.size, query.token, f"{query.user_id} {query.state} {query.channel}")
    chosen = {
        "user_id": query.user_id,
        "state": query.state,
        "channel": query.channel,
        "after": _id_in(request.after(1)),
    }
    parameters = {name: value for name, value in chosen.items() if value} | {"limit": request.limit + 1}
    by_user, by_state, by_channel, after = (bool(value) for value in chosen.values())
    found = rows.all(_LOGS[by_user, by_state, by_channel, after], DeliveryRow, parameters)
    return page_of(found, request, lambda row: [row.id])


@dataclass(frozen=True)
class WatchNotifications:
    watcher: Watcher


def watch_notifications(query: WatchNotifications, streams: Streams) -> None:
    """Returns at once; the stream lives on."""
    streams.open(query.watcher)


@dataclass(frozen=True)
class GetNotification:
    """For streams: a notification that was made by another process."""

    notification_id: str


def get_notification(query: GetNotification, rows: Rows) -> NotificationRow | None:
    return rows.one(_BY_ID, NotificationRow, {"notification_id": query.notification_id})


def _id_in(key: list[str] | None) -> str:
    try:
        return str(UUID(key[0])) if key else ""
    except ValueError:
        raise PageTokenInvalid(field="page_token") from None
