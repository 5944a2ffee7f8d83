"""What messaging needs from outside, in its own words."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from services.kernel.requests import RequestLog
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.letter import Letter, Recipient
from services.messaging.domain.notification import Notification


class Notifications(Protocol):
    def add(self, notification: Notification) -> bool:
        """False, and nothing is stored, when there is one of its kind for the same event."""
        ...

    def get(self, notification_id: str) -> Notification | None:
        """Until the transaction ends nobody else changes it."""
        ...

    def save(self, notification: Notification) -> None:
        """Raises StaleVersion when someone wrote since it was read."""
        ...

    def mark_all_as_read(self, user_id: str, now: datetime) -> int:
        """How many on the in-app channel were unread until now."""
        ...


class Deliveries(Protocol):
    def add(self, delivery: Delivery) -> None: ...

    def due(self, now: datetime) -> Delivery | None:
        """One that has waited longest, and that nobody else is looking at."""
        ...

    def save(self, delivery: Delivery) -> None:
        """Raises StaleVersion when someone wrote since it was read."""
        ...


class Tx(Protocol):
    @property
    def notifications(self) -> Notifications: ...

    @property
    def deliveries(self) -> Deliveries: ...

    @property
    def requests(self) -> RequestLog: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Tx]:
        """One transaction: commits at the end of the block, leaves no trace when it raises."""
        ...


class Users(Protocol):
    def find(self, user_id: str) -> Recipient | None: ...


class Courses(Protocol):
    def title(self, course_id: str) -> str:
        """Empty when there is no such course."""
        ...


class Announcer(Protocol):
    def made(self, notification: Notification) -> None:
        """A notification was committed: its user's streams and the mail's sender hear of it. Never blocks or fails;
        what is missed here is found in the list, and by the sender looking by itself."""
        ...


class Verdict(Enum):
    """What a mail server says to a letter."""

    ACCEPTED = auto()
    REFUSED = auto()
    DEFERRED = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` is a stable word without personal data; empty when the letter was accepted."""

    verdict: Verdict
    error: str = ""


class Mailer(Protocol):
    def send(self, letter: Letter) -> Answer:
        """Takes less than a delivery's lease, whatever the other side does."""
        ...


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches, by which session, and until when their token lives."""

    user_id: str
    session_id: str
    until: datetime


class Streams(Protocol):
    """The call at hand, ready to become a live stream."""

    def open(self, watcher: Watcher) -> None:
        """Raises TooManyStreams."""
        ...
