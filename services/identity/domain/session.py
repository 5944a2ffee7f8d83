"""A signed-in session: a family of refresh tokens of which one is good at any time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from services.identity.domain.errors import RefreshTokenInvalid
from services.kernel.events import Aggregate, DomainEvent

ACCESS_LIFETIME = timedelta(minutes=10)
IDLE_LIFETIME = timedelta(days=30)
ABSOLUTE_LIFETIME = timedelta(days=90)
REFRESH_GRACE = timedelta(seconds=10)


class Refreshed(Enum):
    """What presenting a refresh token led to."""

    ROTATED = auto()
    REPEATED = auto()
    REVOKED = auto()


@dataclass(frozen=True, kw_only=True)
class SessionRevoked(DomainEvent):
    session_id: str
    user_id: str
    tokens_expire_at: datetime


@dataclass(kw_only=True)
class Session(Aggregate):
    """`generation` counts the refresh tokens given out; only the newest may be exchanged."""

    user_id: str
    generation: int
    started_at: datetime
    refreshed_at: datetime
    revoked_at: datetime | None = None
    # What the user signed in with, as it told by itself.
    device: str = ""

    @classmethod
    def start(cls, session_id: str, user_id: str, now: datetime, device: str = "") -> "Session":
        return cls(id=session_id, user_id=user_id, generation=1, started_at=now, refreshed_at=now, device=device)

    @property
    def expires_at(self) -> datetime:
        return min(self.refreshed_at + IDLE_LIFETIME, self.started_at + ABSOLUTE_LIFETIME)

    def refresh(self, generation: int, now: datetime) -> Refreshed:
        """Takes the token of this generation. The newest rotates; the one before it, within the grace, is a repeated
        call whose answer was lost; any other is in two hands, and the session ends."""
        if self.revoked_at is not None or now >= self.expires_at:
            raise RefreshTokenInvalid
        if generation == self.generation:
            self.generation += 1
            self.refreshed_at = now
            return Refreshed.ROTATED
        if generation == self.generation - 1 and now <= self.refreshed_at + REFRESH_GRACE:
            return Refreshed.REPEATED
        self.revoke(now)
        return Refreshed.REVOKED

    def revoke(self, now: datetime) -> None:
        if self.revoked_at is None:
            self.revoked_at = now
            until = now + ACCESS_LIFETIME
            self.record(SessionRevoked(session_id=self.id, user_id=self.user_id, tokens_expire_at=until))
