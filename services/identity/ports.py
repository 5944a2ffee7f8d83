"""What identity needs from outside, in its own words."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.identity.domain.session import Session
from services.identity.domain.user import User
from services.kernel.requests import RequestLog


class Users(Protocol):
    def get(self, user_id: str) -> User | None: ...

    def by_identifier(self, identifier: str) -> User | None:
        """The user with this e-mail address or username, compared as `folded` says."""
        ...

    def add(self, user: User) -> None:
        """Raises EmailTaken or UsernameTaken."""
        ...

    def save(self, user: User) -> None:
        """Raises StaleVersion when someone wrote since `user` was read, and UsernameTaken."""
        ...


class Sessions(Protocol):
    def get(self, session_id: str) -> Session | None: ...

    def by_refresh_hash(self, token_hash: str) -> tuple[Session, int] | None:
        """The session that the token with this hash belongs to, and the token's generation."""
        ...

    def add(self, session: Session, token_hash: str) -> None: ...

    def save(self, session: Session, new_token_hash: str | None = None) -> None:
        """Raises StaleVersion. `new_token_hash` belongs to the session's present generation."""
        ...


class Tx(Protocol):
    @property
    def users(self) -> Users: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def requests(self) -> RequestLog: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Tx]:
        """One transaction: commits at the end of the block, leaves no trace when it raises."""
        ...


class PasswordHasher(Protocol):
    """Slow on purpose, and bounded: raises Overloaded rather than let logins take every thread."""

    def hash(self, password: str) -> str: ...

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Takes as long without a hash as with one, so that time doesn't tell who has an account."""
        ...


@dataclass(frozen=True)
class AccessToken:
    token: str
    expires_at: datetime


class TokenIssuer(Protocol):
    def access_token(self, user: User, session: Session, now: datetime) -> AccessToken: ...

    def first_refresh_token(self) -> str: ...

    def next_refresh_token(self, token: str) -> str:
        """The one successor of a refresh token: the same for everyone who asks, so that a lost reply can be repeated
        without keeping any token."""
        ...

    def key_set(self) -> bytes:
        """The public keys as a JSON Web Key Set."""
        ...
