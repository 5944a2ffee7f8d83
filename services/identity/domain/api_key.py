"""A key by which a user's own servers act for them, within scopes."""

from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.errors import ApiKeyInvalid, ScopeNotHeld
from services.identity.domain.session import ACCESS_LIFETIME, SessionRevoked
from services.identity.domain.user import Role, User
from services.kernel.events import Aggregate

MOST_KEYS = 20


@dataclass(kw_only=True)
class ApiKey(Aggregate):
    """To the other services a key is a session: its tokens name it, and end with it. Scopes are roles."""

    user_id: str
    name: str
    scopes: frozenset[Role]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @classmethod
    def create(cls, key_id: str, user: User, name: str, scopes: frozenset[Role], now: datetime) -> "ApiKey":
        if not scopes <= user.roles:
            raise ScopeNotHeld(field="scopes")
        return cls(id=key_id, user_id=user.id, name=name, scopes=scopes, created_at=now)

    def use(self, now: datetime) -> None:
        if self.revoked_at is not None:
            raise ApiKeyInvalid
        self.last_used_at = now

    def revoke(self, now: datetime) -> None:
        if self.revoked_at is None:
            self.revoked_at = now
            until = now + ACCESS_LIFETIME
            self.record(SessionRevoked(session_id=self.id, user_id=self.user_id, tokens_expire_at=until))
