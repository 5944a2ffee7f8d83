"""The write side on the memory store: told once, read by the addressee alone, delivered until it is taken over."""

from datetime import timedelta

import pytest

from services.kernel.errors import DependencyUnavailable, RequestIdReused
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey
from services.messaging import commands
from services.messaging.adapters.memory import MemoryStore
from services.messaging.domain.delivery import LEASE, Delivery, State
from services.messaging.domain.errors import NotificationNotFound, UserNotFound
from services.messaging.domain.letter import Letter
from services.messaging.domain.notification import Channel, Kind, Notification, Text
from services.messaging.domain.occasions import EnrollmentCreated, Welcome
from services.messaging.ports import Answer, Mailer, Verdict
from tests.messaging.conftest import BOTH, SITE, START, FakeClock, FakeCourses, FakeMailer, FakeUsers, Heard

NO_KEY = RequestKey("user:admin", "Send", "", b"")
HELLO = Text("Hello", "Good to see you.")


class Desk:
    """The commands with everything they need."""

    def __init__(
        self, store: MemoryStore, users: FakeUsers, courses: FakeCourses, heard: Heard, clock: FakeClock
    ) -> None:
        self.store, self.users, self.courses, self.heard, self.clock = store, users, courses, heard, clock

    def send(
        self, user_id: str, channels: tuple[Channel, ...] = BOTH, text: Text = HELLO, key: RequestKey = NO_KEY
    ) -> Notification:
        command = commands.SendNotification(user_id, channels, text, key)
        return commands.send_notification(command, self.store, self.users, self.heard, self.clock)

    def notify(self, command: commands.Notify) -> None:
        commands.notify(command, self.store, self.courses, self.heard, self.clock)

    def read(self, user_id: str, notification_id: str) -> Notification:
        command = commands.MarkNotificationRead(user_id, notification_id)
        return commands.mark_notification_read(command, self.store, self.clock)

    def deliver(self, mailer: Mailer) -> bool:
        return commands.deliver_next(self.store, self.users, mailer, SITE, self.clock)

    @property
    def notifications(self) -> list[Notification]:
        return list(self.store.state.notifications.values())

    @property
    def mail(self) -> Delivery:
        (found,) = (d for d in self.store.state.deliveries.values() if d.channel is Channel.EMAIL)
        return found


@pytest.fixture
def desk(memory: MemoryStore, users: FakeUsers, courses: FakeCourses, heard: Heard, clock: FakeClock) -> Desk:
    return Desk(memory, users, courses, heard, clock)


def test_a_notification_is_kept_with_a_delivery_for_each_channel_and_announced(desk: Desk) -> None:
    made = desk.send(desk.users.has())
    assert (made.kind, made.text, made.created_at, made.read_at) == (Kind.MESSAGE, HELLO, START, None)
    assert desk.heard.notifications == desk.notifications == [made]
    states = {d.channel: d.state for d in desk.store.state.deliveries.values()}
    assert states == {Channel.IN_APP: State.SENT, Channel.EMAIL: State.PENDING}


def test_nobody_is_nobody_to_notify(desk: Desk) -> None:
    with pytest.raises(UserNotFound):
        desk.send(new_id())
    assert desk.notifications == desk.heard.notifications == []


def test_a_repeated_request_finds_the_first_and_is_announced_once(desk: Desk) -> None:
    ada, key = desk.users.has(), RequestKey("user:admin", "Send", "r-1", b"hello")
    assert desk.send(ada, key=key) == desk.send(ada, key=key)
    assert len(desk.notifications) == len(desk.heard.notifications) == 1
    with pytest.raises(RequestIdReused):
        desk.send(ada, key=RequestKey("user:admin", "Send", "r-1", b"other"))


def test_an_occasion_is_told_once_per_event(desk: Desk) -> None:
    ada, course, event = new_id(), desk.courses.has("Latin"), new_id()
    command = commands.Notify(event, ada, "e-1", course, EnrollmentCreated())
    desk.notify(command)
    desk.notify(command)
    (made,) = desk.notifications
    assert (made.kind, made.about_id, made.user_id) == (Kind.ENROLLMENT_CREATED, "e-1", ada)
    assert made.text.subject == "You are enrolled: Latin"
    assert desk.heard.notifications == [made]
    desk.notify(commands.Notify(new_id(), ada, "e-2", course, EnrollmentCreated()))
    assert len(desk.notifications) == 2


def test_while_the_catalog_is_away_nothing_is_told_and_the_event_is_not_used_up(desk: Desk) -> None:
    command = commands.Notify(new_id(), new_id(), "e-1", desk.courses.has("Latin"), EnrollmentCreated())
    desk.courses.away = True
    with pytest.raises(DependencyUnavailable):
        desk.notify(command)
    desk.courses.away = False
    desk.notify(command)
    assert [made.text.subject for made in desk.notifications] == ["You are enrolled: Latin"]


def test_a_welcome_needs_no_catalog(desk: Desk) -> None:
    desk.courses.away = True
    desk.notify(commands.Notify(new_id(), new_id(), "u", "", Welcome()))
    assert [made.kind for made in desk.notifications] == [Kind.WELCOME]


def test_a_notification_is_read_by_its_addressee_alone(desk: Desk) -> None:
    ada, bob = desk.users.has(), desk.users.has()
    made, mail_only = desk.send(ada), desk.send(ada, (Channel.EMAIL,))
    assert desk.read(ada, made.id).read_at == START
    desk.clock.advance(timedelta(hours=1))
    assert desk.read(ada, made.id).read_at == START
    for user_id, notification_id in [(bob, made.id), (ada, new_id()), (ada, mail_only.id)]:
        with pytest.raises(NotificationNotFound):
            desk.read(user_id, notification_id)


def test_all_are_marked_as_read(desk: Desk) -> None:
    ada = desk.users.has()
    desk.read(ada, desk.send(ada).id)
    for _ in range(2):
        desk.send(ada)
    command = commands.MarkAllNotificationsRead(ada)
    assert commands.mark_all_notifications_read(command, desk.store, desk.clock) == 2
    assert commands.mark_all_notifications_read(command, desk.store, desk.clock) == 0


def test_a_mail_is_sent_once_to_the_address_of_the_day(desk: Desk, mailer: FakeMailer) -> None:
    ada = desk.users.has("Ada", "ada@example.com")
    desk.send(ada)
    assert desk.deliver(mailer)
    assert not desk.deliver(mailer)
    (letter,) = mailer.letters
    assert (letter.recipient.email, letter.subject, letter.id) == ("ada@example.com", "Hello", desk.mail.id)
    assert (desk.mail.state, desk.mail.attempt_count, desk.mail.delivered_at) == (State.SENT, 1, START)


def test_a_notification_without_mail_leaves_nothing_to_send(desk: Desk, mailer: FakeMailer) -> None:
    desk.send(desk.users.has(), (Channel.IN_APP,))
    assert not desk.deliver(mailer)


def test_a_refused_mail_has_failed_and_is_not_tried_again(desk: Desk, mailer: FakeMailer) -> None:
    desk.send(desk.users.has())
    mailer.answers = [Answer(Verdict.REFUSED, "smtp_550")]
    assert desk.deliver(mailer)
    desk.clock.advance(timedelta(days=2))
    assert not desk.deliver(mailer)
    assert (desk.mail.state, desk.mail.error) == (State.FAILED, "smtp_550")


def test_a_deferred_mail_is_tried_again_later(desk: Desk, mailer: FakeMailer) -> None:
    desk.send(desk.users.has())
    mailer.answers = [Answer(Verdict.DEFERRED, "smtp_451")]
    assert desk.deliver(mailer)
    assert not desk.deliver(mailer)
    assert (desk.mail.state, desk.mail.error) == (State.PENDING, "smtp_451")
    desk.clock.advance(timedelta(seconds=10))
    assert desk.deliver(mailer)
    assert (desk.mail.state, desk.mail.attempt_count, desk.mail.error) == (State.SENT, 2, "smtp_451")
    assert mailer.letters[0].id == mailer.letters[1].id


def test_an_account_that_is_gone_suppresses_the_mail(desk: Desk, mailer: FakeMailer) -> None:
    ada = desk.users.has()
    desk.send(ada)
    del desk.users.kept[ada]
    assert desk.deliver(mailer)
    assert (desk.mail.state, desk.mail.error, mailer.letters) == (State.SUPPRESSED, "user_not_found", [])


def test_while_identity_is_away_mails_wait(desk: Desk, mailer: FakeMailer) -> None:
    desk.send(desk.users.has())
    desk.users.away = True
    assert desk.deliver(mailer)
    assert (desk.mail.state, desk.mail.error) == (State.PENDING, "user_lookup_failed")
    desk.users.away = False
    desk.clock.advance(timedelta(seconds=10))
    assert desk.deliver(mailer)
    assert desk.mail.state is State.SENT


def test_who_takes_longer_than_the_lease_does_not_overrule_the_next_one(desk: Desk, mailer: FakeMailer) -> None:
    class Slow:
        """While it sends, its lease runs out and another one sends the same mail."""

        def send(self, letter: Letter) -> Answer:
            desk.clock.advance(LEASE)
            assert desk.deliver(mailer)
            return Answer(Verdict.REFUSED, "smtp_550")

    desk.send(desk.users.has())
    assert desk.deliver(Slow())
    assert (desk.mail.state, desk.mail.attempt_count) == (State.SENT, 2)
