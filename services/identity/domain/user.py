"""A person with an account."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.identity.domain.errors import FieldNotUpdatable, MailTokenInvalid, UserNotFound
from services.kernel.errors import StaleVersion
from services.kernel.events import Aggregate, DomainEvent

ERASED_NAME = "Deleted user"
UPDATABLE = ("name", "username", "phone")


class Role(StrEnum):
    """What a user may do. In the order in which one of several is shown as the primary one, the last first."""

    STUDENT = "student"
    INSTRUCTOR = "instructor"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class UserRegistered(DomainEvent):
    user_id: str


@dataclass(frozen=True, kw_only=True)
class ProfileUpdated(DomainEvent):
    user_id: str


# Named apart from the refusal, which is called by the same words.
@dataclass(frozen=True, kw_only=True)
class AccountBlocked(DomainEvent):
    user_id: str


@dataclass(frozen=True, kw_only=True)
class AccountUnblocked(DomainEvent):
    user_id: str


@dataclass(frozen=True, kw_only=True)
class RolesAssigned(DomainEvent):
    user_id: str


@dataclass(kw_only=True)
class User(Aggregate):
    email: str
    username: str
    name: str
    password_hash: str
    roles: frozenset[Role]
    created_at: datetime
    updated_at: datetime
    phone: str = ""
    email_verified_at: datetime | None = None
    blocked_at: datetime | None = None

    @classmethod
    def register(
        cls, user_id: str, *, email: str, username: str, name: str, password_hash: str, now: datetime, phone: str = ""
    ) -> "User":
        user = cls(
            id=user_id,
            email=email,
            username=username,
            name=normal_name(name),
            password_hash=password_hash,
            roles=frozenset({Role.STUDENT}),
            created_at=now,
            updated_at=now,
            phone=phone,
        )
        user.record(UserRegistered(user_id=user_id))
        return user

    def update_profile(self, changes: dict[str, str], etag: str, now: datetime) -> None:
        """Sets `name`, `username` and `phone`. A name may not be emptied, nor the only identifier; an `etag` must be
        the current one."""
        if etag and etag != self.etag:
            raise StaleVersion(field="etag")
        for field, value in changes.items():
            needed = field == "name" or (field == "phone" and not self.email)
            if field not in UPDATABLE or (needed and not value.strip()):
                raise FieldNotUpdatable(field="update_mask", path=field)
            setattr(self, field, normal_name(value) if field == "name" else value)
        self.updated_at = now
        self.record(ProfileUpdated(user_id=self.id))

    def grant(self, role: Role, now: datetime) -> None:
        self.assign(self.roles | {role}, now)

    def assign(self, roles: frozenset[Role], now: datetime) -> bool:
        """Whether that takes a role away."""
        lost = bool(self.roles - roles)
        if roles != self.roles:
            self.roles, self.updated_at = roles, now
            self.record(RolesAssigned(user_id=self.id))
        return lost

    def block(self, now: datetime) -> None:
        if self.blocked_at is None:
            self.blocked_at = now
            self.record(AccountBlocked(user_id=self.id))

    def unblock(self) -> None:
        if self.blocked_at is not None:
            self.blocked_at = None
            self.record(AccountUnblocked(user_id=self.id))

    def set_password(self, password_hash: str, now: datetime) -> None:
        self.password_hash = password_hash
        self.updated_at = now

    def verify_email(self, address: str, now: datetime) -> None:
        """Takes the proof that `address`, folded, is read by this user; it must still be the account's address."""
        if not self.email or address != folded(self.email):
            raise MailTokenInvalid(field="token")
        if self.email_verified_at is None:
            self.email_verified_at = self.updated_at = now
            self.record(ProfileUpdated(user_id=self.id))

    def erase(self, now: datetime) -> None:
        """Takes away everything that tells who this was; the id stays, and names nobody."""
        self.email = self.username = self.phone = self.password_hash = ""
        self.name = ERASED_NAME
        self.email_verified_at = self.blocked_at = None
        self.roles, self.updated_at = frozenset({Role.STUDENT}), now

    @property
    def own_words(self) -> tuple[str, ...]:
        """What a password of this user may not be."""
        return (self.email, self.username, self.phone, self.name)

    @property
    def etag(self) -> str:
        return str(self.version)


def folded(text: str) -> str:
    """How e-mail addresses and usernames are compared: without regard to case and compatibility forms."""
    return unicodedata.normalize("NFKC", text).casefold()


def normal_name(name: str) -> str:
    """A name as it is kept: composed (NFC), without space around it."""
    return unicodedata.normalize("NFC", name).strip()


def existing(user: User | None) -> User:
    if user is None:
        raise UserNotFound
    return user
