"""Between the contract's messages and messaging's own types, both ways."""

import random
from datetime import UTC, datetime

from campus.billing.v1 import payment_service_pb2
from campus.messaging.v1 import notification_service_pb2 as pb
from campus.types.v1 import money_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.access import Principal
from services.chassis.requests import request_key
from services.kernel.money import Money
from services.kernel.pages import Page
from services.messaging import commands, queries
from services.messaging.domain import delivery as domain
from services.messaging.domain.notification import Channel, Kind, Notification, Text
from services.messaging.ports import Watcher

_CHANNELS = {Channel.IN_APP: pb.CHANNEL_IN_APP, Channel.EMAIL: pb.CHANNEL_EMAIL}
_CHANNELS_BACK = {number: channel for channel, number in _CHANNELS.items()}
_KINDS = {
    Kind.MESSAGE: pb.NOTIFICATION_KIND_MESSAGE,
    Kind.WELCOME: pb.NOTIFICATION_KIND_WELCOME,
    Kind.PAYMENT_SUCCEEDED: pb.NOTIFICATION_KIND_PAYMENT_SUCCEEDED,
    Kind.PAYMENT_FAILED: pb.NOTIFICATION_KIND_PAYMENT_FAILED,
    Kind.ENROLLMENT_CREATED: pb.NOTIFICATION_KIND_ENROLLMENT_CREATED,
    Kind.CERTIFICATE_ISSUED: pb.NOTIFICATION_KIND_CERTIFICATE_ISSUED,
}
_STATES = {
    domain.State.PENDING: pb.Delivery.STATE_PENDING,
    domain.State.SENT: pb.Delivery.STATE_SENT,
    domain.State.FAILED: pb.Delivery.STATE_FAILED,
    domain.State.SUPPRESSED: pb.Delivery.STATE_SUPPRESSED,
}
_STATES_BACK = {number: state for state, number in _STATES.items()}
_FAILURES = {
    payment_service_pb2.PAYMENT_FAILURE_CODE_DECLINED: "the bank declined it",
    payment_service_pb2.PAYMENT_FAILURE_CODE_INSUFFICIENT_FUNDS: "there is not enough money on the account",
    payment_service_pb2.PAYMENT_FAILURE_CODE_CARD_EXPIRED: "the card has expired",
    payment_service_pb2.PAYMENT_FAILURE_CODE_CARD_DATA_WRONG: "the card's number, date or security code is wrong",
    payment_service_pb2.PAYMENT_FAILURE_CODE_NOT_AUTHENTICATED: "it was not confirmed to the bank",
    payment_service_pb2.PAYMENT_FAILURE_CODE_CHECKOUT_EXPIRED: "the time to pay ran out",
    payment_service_pb2.PAYMENT_FAILURE_CODE_PROVIDER_ERROR: "something went wrong at the payment provider",
}
# Everyone waits for a time of their own, so that those who watched one server don't reach the next one all at once.
_RETRY_MS = (200, 3000)


def timestamp(moment: datetime | None) -> Timestamp | None:
    """The moment as a message; an absent one stays absent."""
    if moment is None:
        return None
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def money(sent: money_pb2.Money) -> Money:
    return Money(sent.currency, sent.amount_minor)


def why_it_failed(code: "payment_service_pb2.PaymentFailureCode.ValueType") -> str:
    """A code that is newer than this service says as little as none."""
    return _FAILURES.get(code, _FAILURES[payment_service_pb2.PAYMENT_FAILURE_CODE_DECLINED])


def to_send_notification(request: pb.SendNotificationRequest) -> commands.SendNotification:
    channels = {_CHANNELS_BACK[number] for number in request.channels}
    ordered = tuple(channel for channel in Channel if channel in channels)
    text = Text(request.subject, request.message)
    return commands.SendNotification(request.user_id.lower(), ordered, text, request_key(request))


def to_list_deliveries(request: pb.ListDeliveriesRequest) -> queries.ListDeliveries:
    state, channel = _STATES_BACK.get(request.state), _CHANNELS_BACK.get(request.channel)
    return queries.ListDeliveries(request.user_id.lower(), state, channel, request.page_size, request.page_token)


def to_watch_notifications(who: Principal) -> queries.WatchNotifications:
    return queries.WatchNotifications(Watcher(who.user_id, who.session_id, datetime.fromtimestamp(who.expires, UTC)))


def notification(found: Notification | queries.NotificationRow) -> pb.Notification:
    if isinstance(found, Notification):
        channels, text = set(found.channels), found.text
    else:
        chosen = {Channel.IN_APP: found.in_app, Channel.EMAIL: found.email}
        channels, text = {channel for channel, used in chosen.items() if used}, Text(found.subject, found.message)
    return pb.Notification(
        notification_id=found.id,
        user_id=found.user_id,
        kind=_KINDS[Kind(found.kind)],
        about_id=found.about_id,
        channels=[_CHANNELS[channel] for channel in Channel if channel in channels],
        subject=text.subject,
        message=text.message,
        created_at=timestamp(found.created_at),
        read_at=timestamp(found.read_at),
    )


def notifications(listed: queries.Listed) -> pb.ListNotificationsResponse:
    return pb.ListNotificationsResponse(
        notifications=map(notification, listed.page.rows),
        next_page_token=listed.page.next_token,
        unread_count=listed.unread_count,
    )


def deliveries(page: Page[queries.DeliveryRow]) -> pb.ListDeliveriesResponse:
    return pb.ListDeliveriesResponse(deliveries=map(_delivery, page.rows), next_page_token=page.next_token)


def _delivery(row: queries.DeliveryRow) -> pb.Delivery:
    return pb.Delivery(
        delivery_id=row.id,
        notification_id=row.notification_id,
        user_id=row.user_id,
        kind=_KINDS[Kind(row.kind)],
        channel=_CHANNELS[Channel(row.channel)],
        state=_STATES[domain.State(row.state)],
        attempt_count=row.attempt_count,
        error=row.error,
        created_at=timestamp(row.created_at),
        next_attempt_at=timestamp(row.next_attempt_at),
        delivered_at=timestamp(row.delivered_at),
    )


def made(found: Notification | queries.NotificationRow) -> pb.WatchNotificationsResponse:
    return pb.WatchNotificationsResponse(notification=notification(found))


def heartbeat(now: datetime) -> pb.WatchNotificationsResponse:
    return pb.WatchNotificationsResponse(heartbeat=pb.StreamHeartbeat(at=timestamp(now)))


def stream_end(reason: "pb.StreamEnd.Reason.ValueType") -> pb.WatchNotificationsResponse:
    wait = random.randint(*_RETRY_MS)  # noqa: S311 - spreads load, guards nothing
    return pb.WatchNotificationsResponse(end=pb.StreamEnd(reason=reason, retry_after_ms=wait))
