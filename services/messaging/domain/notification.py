"""Something a user is told, once, on one or more channels."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.kernel.events import Aggregate


class Channel(StrEnum):
    IN_APP = "in_app"
    EMAIL = "email"


class Kind(StrEnum):
    MESSAGE = "message"
    WELCOME = "welcome"
    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_FAILED = "payment_failed"
    ENROLLMENT_CREATED = "enrollment_created"
    CERTIFICATE_ISSUED = "certificate_issued"


@dataclass(frozen=True, slots=True)
class Text:
    """A subject on one line, and paragraphs of plain text."""

    subject: str = field(repr=False)
    message: str = field(repr=False)


@dataclass(kw_only=True)
class Notification(Aggregate):
    """`about_id` is the id of what it is about; `event_id` that of the event it was made for, if there was one."""

    user_id: str
    kind: Kind
    about_id: str
    event_id: str | None
    channels: tuple[Channel, ...]
    text: Text
    created_at: datetime
    read_at: datetime | None = None

    def mark_as_read(self, now: datetime) -> bool:
        """Whether it was unread until now. The first time stands."""
        if self.read_at is not None:
            return False
        self.read_at = now
        return True
