"""The write side: one frozen dataclass and one function per command."""

from contextlib import suppress
from dataclasses import dataclass

from services.kernel.clock import Clock
from services.kernel.errors import CampusError, StaleVersion
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.errors import NotificationNotFound, UserNotFound
from services.messaging.domain.letter import letter
from services.messaging.domain.notification import Channel, Kind, Notification, Text
from services.messaging.domain.occasions import Occasion
from services.messaging.ports import Announcer, Courses, Mailer, Store, Tx, Users, Verdict


@dataclass(frozen=True)
class SendNotification:
    user_id: str
    channels: tuple[Channel, ...]
    text: Text
    request: RequestKey


def send_notification(
    command: SendNotification, store: Store, users: Users, announcer: Announcer, clock: Clock
) -> Notification:
    if users.find(command.user_id) is None:
        raise UserNotFound(user_id=command.user_id)
    notification = Notification(
        id=new_id(),
        user_id=command.user_id,
        kind=Kind.MESSAGE,
        about_id="",
        event_id=None,
        channels=command.channels,
        text=command.text,
        created_at=clock(),
    )
    with store.begin() as tx:
        if earlier := tx.requests.claim(command.request, notification.id):
            return _existing(tx.notifications.get(earlier), earlier)
        _add(tx, notification)
    announcer.made(notification)
    return notification


@dataclass(frozen=True)
class Notify:
    """Something happened that a user is told of. `course_id` is empty when it is about no course."""

    event_id: str
    user_id: str
    about_id: str
    course_id: str
    occasion: Occasion


def notify(command: Notify, store: Store, courses: Courses, announcer: Announcer, clock: Clock) -> None:
    """Once per event and kind, however often it is told."""
    title = courses.title(command.course_id) if command.course_id else ""
    notification = Notification(
        id=new_id(),
        user_id=command.user_id,
        kind=command.occasion.kind,
        about_id=command.about_id,
        event_id=command.event_id,
        channels=(Channel.IN_APP, Channel.EMAIL),
        text=command.occasion.text(title),
        created_at=clock(),
    )
    with store.begin() as tx:
        added = _add(tx, notification)
    if added:
        announcer.made(notification)


def _add(tx: Tx, notification: Notification) -> bool:
    if not tx.notifications.add(notification):
        return False
    for channel in notification.channels:
        tx.deliveries.add(Delivery.of(new_id(), notification, channel))
    return True


@dataclass(frozen=True)
class MarkNotificationRead:
    user_id: str
    notification_id: str


def mark_notification_read(command: MarkNotificationRead, store: Store, clock: Clock) -> Notification:
    with store.begin() as tx:
        notification = _existing(tx.notifications.get(command.notification_id), command.notification_id)
        if notification.user_id != command.user_id or Channel.IN_APP not in notification.channels:
            raise NotificationNotFound(notification_id=command.notification_id)
        if notification.mark_as_read(clock()):
            tx.notifications.save(notification)
    return notification


@dataclass(frozen=True)
class MarkAllNotificationsRead:
    user_id: str


def mark_all_notifications_read(command: MarkAllNotificationsRead, store: Store, clock: Clock) -> int:
    with store.begin() as tx:
        return tx.notifications.mark_all_as_read(command.user_id, clock())


def deliver_next(store: Store, users: Users, mailer: Mailer, site: str, clock: Clock) -> bool:
    """Tries one delivery that is due; False when none is. A letter goes out at least once: who dies between sending and
    noting it leaves that to the next one, whose letter has the same id."""
    with store.begin() as tx:
        delivery = tx.deliveries.due(clock())
        if delivery is None:
            return False
        begun = delivery.begin_attempt(clock())
        tx.deliveries.save(delivery)
        notification = _existing(tx.notifications.get(delivery.notification_id), delivery.notification_id)
    if begun:
        _attempt(delivery, notification, users, mailer, site, clock)
        # Stale: the attempt took longer than its lease, and someone else has taken the delivery over.
        with suppress(StaleVersion), store.begin() as tx:
            tx.deliveries.save(delivery)
    return True


def _attempt(
    delivery: Delivery, notification: Notification, users: Users, mailer: Mailer, site: str, clock: Clock
) -> None:
    try:
        recipient = users.find(delivery.user_id)
    except CampusError:
        delivery.defer("user_lookup_failed", clock())
        return
    if recipient is None:
        delivery.suppress("user_not_found")
        return
    answer = mailer.send(letter(delivery.id, notification.text, recipient, site))
    match answer.verdict:
        case Verdict.ACCEPTED:
            delivery.succeed(clock())
        case Verdict.REFUSED:
            delivery.refuse(answer.error)
        case Verdict.DEFERRED:
            delivery.defer(answer.error, clock())


def _existing(notification: Notification | None, notification_id: str) -> Notification:
    if notification is None:
        raise NotificationNotFound(notification_id=notification_id)
    return notification
