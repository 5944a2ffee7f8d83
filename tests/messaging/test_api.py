"""The servicers in a real server, with the real chain, certificates and tokens; codes and reasons asserted."""

from collections.abc import Iterator

import grpc
import pytest
from campus.messaging.v1 import notification_service_pb2 as pb
from campus.messaging.v1.messaging_internal_service_pb2_grpc import MessagingInternalServiceStub
from campus.messaging.v1.notification_service_pb2_grpc import NotificationServiceStub

from deploy.local.pki import Pki
from services.chassis.db import Database
from services.kernel.clock import system_clock
from services.kernel.ids import new_id
from services.messaging import api, commands, queries
from services.messaging.adapters.announcer import ToStreamsAndPost
from services.messaging.adapters.live import LiveNotifications
from services.messaging.adapters.postgres import PostgresStore
from tests.harness.databases import announced
from tests.harness.serving import Served, refused, served
from tests.messaging.conftest import SITE, FakeMailer, FakeUsers
from tests.messaging.test_live import Wire

Code = grpc.StatusCode
BOTH = [pb.CHANNEL_IN_APP, pb.CHANNEL_EMAIL]


class Woken:
    """Counts how often there was something to send."""

    def __init__(self) -> None:
        self.times = 0

    def wake(self) -> None:
        self.times += 1


@pytest.fixture
def woken() -> Woken:
    return Woken()


@pytest.fixture
def messaging(database: Database, pki: Pki, users: FakeUsers, woken: Woken) -> Iterator[Served]:
    store, rows = PostgresStore(database.writer), database.reader
    live = LiveNotifications(Wire(), rows, system_clock)
    announcer = ToStreamsAndPost(live.made, woken.wake)
    servicers = [
        api.NotificationService(store, rows, users, announcer, live.of_call, system_clock),
        api.MessagingInternalService(store, users, announcer, system_clock),
    ]
    with served(servicers, commands, queries, pki) as found:
        live.start()
        yield found
        live.close()


@pytest.fixture
def ada(users: FakeUsers) -> str:
    return users.has()


def request(to: str, **fields: object) -> pb.SendNotificationRequest:
    given = {"user_id": to, "channels": BOTH, "subject": "Hello", "message": "Good to see you."} | fields
    return pb.SendNotificationRequest(**given)  # type: ignore[arg-type]


def admin(messaging: Served) -> NotificationServiceStub:
    return messaging.as_user(NotificationServiceStub, new_id(), "admin")


def test_an_admin_tells_a_user_something(messaging: Served, ada: str, woken: Woken, database: Database) -> None:
    mine = messaging.as_user(NotificationServiceStub, ada)
    stream = mine.WatchNotifications(pb.WatchNotificationsRequest(), timeout=20)
    assert next(stream).HasField("heartbeat")
    sent = admin(messaging).SendNotification(request(ada.upper(), channels=list(reversed(BOTH))))
    assert (sent.user_id, sent.kind, sent.about_id) == (ada, pb.NOTIFICATION_KIND_MESSAGE, "")
    assert (sent.subject, sent.message, list(sent.channels)) == ("Hello", "Good to see you.", BOTH)
    assert not sent.HasField("read_at")
    assert next(stream).notification == sent
    listed = mine.ListNotifications(pb.ListNotificationsRequest())
    assert (list(listed.notifications), listed.unread_count) == ([sent], 1)
    assert woken.times == 1
    assert announced(database) == []


def test_telling_is_for_admins_and_services_about_users_that_exist(messaging: Served, ada: str) -> None:
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        messaging.as_user(NotificationServiceStub, ada, "instructor").SendNotification(request(ada))
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        messaging.anonymous(NotificationServiceStub).SendNotification(request(ada))
    with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
        admin(messaging).SendNotification(request(new_id()))
    assert (
        not messaging.as_user(NotificationServiceStub, ada)
        .ListNotifications(pb.ListNotificationsRequest())
        .notifications
    )


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"user_id": "nobody"}, "user_id"),
        ({"channels": []}, "channels"),
        ({"channels": [pb.CHANNEL_EMAIL] * 2}, "channels"),
        ({"channels": [0]}, "channels[0]"),
        ({"subject": "Hello\r\nBcc: x@y.test"}, "subject"),
        ({"subject": "   "}, "subject"),
        ({"message": ""}, "message"),
        ({"message": "x" * 10_001}, "message"),
        ({"request_id": "with space"}, "request_id"),
    ],
)
def test_what_breaks_a_rule_is_refused_at_its_field(
    messaging: Served, ada: str, fields: dict[str, object], at: str
) -> None:
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", at):
        admin(messaging).SendNotification(request(ada, **fields))


def test_a_repeated_request_tells_once(messaging: Served, ada: str, woken: Woken) -> None:
    stub = admin(messaging)
    sent = [stub.SendNotification(request(ada, request_id="r-1")) for _ in range(3)]
    assert sent[0] == sent[1] == sent[2]
    assert woken.times == 1
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", "request_id"):
        stub.SendNotification(request(ada, request_id="r-1", message="Other"))
    assert len(stub.ListDeliveries(pb.ListDeliveriesRequest(user_id=ada)).deliveries) == 2


def test_services_tell_users_too(messaging: Served, ada: str) -> None:
    sent = messaging.as_service(MessagingInternalServiceStub, "learning").SendNotification(request(ada))
    mine = messaging.as_user(NotificationServiceStub, ada)
    assert list(mine.ListNotifications(pb.ListNotificationsRequest()).notifications) == [sent]
    for stranger in ("gateway", "messaging"):
        with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
            messaging.as_service(MessagingInternalServiceStub, stranger).SendNotification(request(ada))
    with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
        messaging.as_service(MessagingInternalServiceStub, "billing").SendNotification(request(new_id()))


def test_users_list_their_own_in_pages(messaging: Served, ada: str, users: FakeUsers) -> None:
    stub, mine = admin(messaging), messaging.as_user(NotificationServiceStub, ada)
    sent = {stub.SendNotification(request(ada, subject=f"No. {n}")).notification_id for n in range(3)}
    stub.SendNotification(request(users.has()))
    first = mine.ListNotifications(pb.ListNotificationsRequest(page_size=2))
    rest = mine.ListNotifications(pb.ListNotificationsRequest(page_size=2, page_token=first.next_page_token))
    shown = [each.notification_id for each in [*first.notifications, *rest.notifications]]
    assert shown == sorted(sent, reverse=True)
    assert (first.unread_count, rest.next_page_token) == (3, "")
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token"):
        mine.ListNotifications(pb.ListNotificationsRequest(page_token="abc"))
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        messaging.anonymous(NotificationServiceStub).ListNotifications(pb.ListNotificationsRequest())


def test_a_notification_is_read_once_and_by_its_addressee(messaging: Served, ada: str, users: FakeUsers) -> None:
    mine = messaging.as_user(NotificationServiceStub, ada)
    sent = admin(messaging).SendNotification(request(ada))
    ask = pb.MarkNotificationReadRequest(notification_id=sent.notification_id.upper())
    for who in (messaging.as_user(NotificationServiceStub, users.has()), admin(messaging)):
        with refused(Code.NOT_FOUND, "NOTIFICATION_NOT_FOUND"):
            who.MarkNotificationRead(ask)
    read = mine.MarkNotificationRead(ask)
    assert read.HasField("read_at")
    assert mine.MarkNotificationRead(ask) == read
    assert mine.ListNotifications(pb.ListNotificationsRequest()).unread_count == 0
    assert not mine.ListNotifications(pb.ListNotificationsRequest(unread_only=True)).notifications
    with refused(Code.NOT_FOUND, "NOTIFICATION_NOT_FOUND"):
        mine.MarkNotificationRead(pb.MarkNotificationReadRequest(notification_id=new_id()))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "notification_id"):
        mine.MarkNotificationRead(pb.MarkNotificationReadRequest(notification_id="no id"))


def test_all_are_read_at_once(messaging: Served, ada: str, users: FakeUsers) -> None:
    mine, bob = messaging.as_user(NotificationServiceStub, ada), users.has()
    for user in (ada, ada, bob):
        admin(messaging).SendNotification(request(user))
    assert mine.MarkAllNotificationsRead(pb.MarkAllNotificationsReadRequest()).marked_count == 2
    assert mine.MarkAllNotificationsRead(pb.MarkAllNotificationsReadRequest()).marked_count == 0
    others = messaging.as_user(NotificationServiceStub, bob).ListNotifications(pb.ListNotificationsRequest())
    assert others.unread_count == 1
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        messaging.anonymous(NotificationServiceStub).MarkAllNotificationsRead(pb.MarkAllNotificationsReadRequest())


def test_watching_needs_a_signed_in_user(messaging: Served, ada: str) -> None:
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        next(messaging.anonymous(NotificationServiceStub).WatchNotifications(pb.WatchNotificationsRequest()))


def test_admins_see_what_became_of_each_delivery(
    messaging: Served, ada: str, database: Database, users: FakeUsers, mailer: FakeMailer
) -> None:
    stub = admin(messaging)
    sent = stub.SendNotification(request(ada))
    (waiting,) = stub.ListDeliveries(pb.ListDeliveriesRequest(state=pb.Delivery.STATE_PENDING)).deliveries
    assert (waiting.channel, waiting.attempt_count, waiting.HasField("next_attempt_at")) == (pb.CHANNEL_EMAIL, 0, True)
    assert commands.deliver_next(PostgresStore(database.writer), users, mailer, SITE, system_clock)
    mails = pb.ListDeliveriesRequest(user_id=ada, state=pb.Delivery.STATE_SENT, channel=pb.CHANNEL_EMAIL)
    (delivery,) = stub.ListDeliveries(mails).deliveries
    assert (delivery.delivery_id, delivery.notification_id) == (waiting.delivery_id, sent.notification_id)
    assert (delivery.user_id, delivery.kind, delivery.error) == (ada, pb.NOTIFICATION_KIND_MESSAGE, "")
    assert (delivery.attempt_count, delivery.HasField("next_attempt_at")) == (1, False)
    assert delivery.delivered_at.ToDatetime() >= delivery.created_at.ToDatetime()
    (shown,) = stub.ListDeliveries(pb.ListDeliveriesRequest(user_id=ada, channel=pb.CHANNEL_IN_APP)).deliveries
    assert (shown.state, shown.delivered_at) == (pb.Delivery.STATE_SENT, sent.created_at)
    assert not stub.ListDeliveries(pb.ListDeliveriesRequest(user_id=new_id())).deliveries


def test_the_delivery_log_is_for_admins(messaging: Served, ada: str) -> None:
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        messaging.as_user(NotificationServiceStub, ada).ListDeliveries(pb.ListDeliveriesRequest())
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "user_id"):
        admin(messaging).ListDeliveries(pb.ListDeliveriesRequest(user_id="nobody"))
