"""An entitlement: a user's right to take a course, and what several of them mean together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from services.kernel.events import Aggregate, DomainEvent

_NEVER = datetime.max.replace(tzinfo=UTC)


class Source(StrEnum):
    PURCHASE = "purchase"
    FREE = "free"


class Reason(StrEnum):
    """Why someone may or may not take a course."""

    ENTITLED = "entitled"
    NO_ENTITLEMENT = "no_entitlement"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class EntitlementGranted(DomainEvent):
    entitlement_id: str
    user_id: str
    course_id: str
    source: Source
    order_id: str
    not_before: datetime
    not_after: datetime | None


@dataclass(frozen=True, kw_only=True)
class EntitlementRevoked(DomainEvent):
    entitlement_id: str
    user_id: str
    course_id: str
    order_id: str
    revoked_at: datetime


@dataclass(kw_only=True)
class Entitlement(Aggregate):
    user_id: str
    course_id: str
    source: Source
    not_before: datetime
    granted_at: datetime
    not_after: datetime | None = None
    revoked_at: datetime | None = None
    order_id: str = ""
    order_line_id: str = ""

    @classmethod
    def grant(
        cls,
        entitlement_id: str,
        *,
        user_id: str,
        course_id: str,
        source: Source,
        now: datetime,
        order_id: str = "",
        order_line_id: str = "",
    ) -> "Entitlement":
        granted = cls(
            id=entitlement_id,
            user_id=user_id,
            course_id=course_id,
            source=source,
            not_before=now,
            granted_at=now,
            order_id=order_id,
            order_line_id=order_line_id,
        )
        granted.record(
            EntitlementGranted(
                entitlement_id=entitlement_id,
                user_id=user_id,
                course_id=course_id,
                source=source,
                order_id=order_id,
                not_before=now,
                not_after=None,
            )
        )
        return granted

    def revoke(self, now: datetime) -> None:
        if self.revoked_at is None:
            self.revoked_at = now
            self.record(
                EntitlementRevoked(
                    entitlement_id=self.id,
                    user_id=self.user_id,
                    course_id=self.course_id,
                    order_id=self.order_id,
                    revoked_at=now,
                )
            )


class Held(Protocol):
    """What of an entitlement decides about access."""

    @property
    def not_before(self) -> datetime: ...

    @property
    def not_after(self) -> datetime | None: ...

    @property
    def revoked_at(self) -> datetime | None: ...


H = TypeVar("H", bound=Held)


def decide(held: Sequence[H], now: datetime) -> tuple[Reason, H | None, datetime | None]:
    """Whether one of a user's entitlements to a course holds, which one decides, and when that changes by itself."""
    valid = [each for each in held if each.revoked_at is None]
    living = [each for each in valid if each.not_before <= now and (each.not_after is None or now < each.not_after)]
    if living:
        longest = max(living, key=_end)
        return Reason.ENTITLED, longest, _end_of_all(longest, valid)
    coming = [each for each in valid if each.not_before > now]
    if coming:
        first = min(coming, key=lambda each: each.not_before)
        return Reason.NOT_YET, first, first.not_before
    if not held:
        return Reason.NO_ENTITLEMENT, None, None
    last = max(held, key=lambda each: min(_end(each), each.revoked_at or _end(each)))
    taken_back = last.revoked_at is not None and last.revoked_at <= _end(last)
    return Reason.REVOKED if taken_back else Reason.EXPIRED, last, None


def _end(held: Held) -> datetime:
    return held.not_after or _NEVER


def _end_of_all(longest: Held, valid: Sequence[Held]) -> datetime | None:
    """The end of an access without a gap: another entitlement may take over before this one ends."""
    end = _end(longest)
    while following := [each for each in valid if each.not_before <= end < _end(each)]:
        end = max(map(_end, following))
    return None if end == _NEVER else end
