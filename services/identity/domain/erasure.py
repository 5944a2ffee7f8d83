"""The end of an account in all services, with a receipt from each."""

from dataclasses import dataclass, field
from datetime import datetime

from services.kernel.events import Aggregate, DomainEvent

SERVICES = frozenset({"identity", "catalog", "learning", "billing", "certification", "messaging"})


@dataclass(frozen=True, kw_only=True)
class UserErasureRequested(DomainEvent):
    erasure_id: str
    user_id: str


@dataclass(kw_only=True)
class Erasure(Aggregate):
    user_id: str
    requested_at: datetime
    receipts: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def request(cls, erasure_id: str, user_id: str, now: datetime) -> "Erasure":
        """identity's own part is done in the same transaction."""
        erasure = cls(id=erasure_id, user_id=user_id, requested_at=now, receipts={"identity": now})
        erasure.record(UserErasureRequested(erasure_id=erasure_id, user_id=user_id))
        return erasure
