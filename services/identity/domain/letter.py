"""Mails about an account: what is to be sent, and the tokens that the links in them carry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LINK_LIFETIME = timedelta(minutes=30)
LEASE = timedelta(minutes=1)
MOST_ATTEMPTS = 8


class Subject(StrEnum):
    RESET_PASSWORD = "reset_password"  # noqa: S105  # what a mail is about
    VERIFY_EMAIL = "verify_email"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105


@dataclass(frozen=True)
class MailToken:
    """A link's token. Each user has one per subject: a newer one replaces it."""

    token_hash: str
    user_id: str
    subject: Subject
    # The address the mail goes to, folded: the token proves this address and no later one.
    address: str
    issued_at: datetime

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LINK_LIFETIME


@dataclass(frozen=True)
class Letter:
    """A mail on its way. `sealed` holds the address and the link's token, encrypted: nobody reads links in the
    database. Whether there is such an account is found out when it is sent, so that asking takes the same time for
    all."""

    id: str
    subject: Subject
    sealed: str
    written_at: datetime
    due_at: datetime
    attempts: int = 0

    def is_stale(self, now: datetime) -> bool:
        return now >= self.written_at + LINK_LIFETIME or self.attempts > MOST_ATTEMPTS
