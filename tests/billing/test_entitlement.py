"""Access is what all of a user's entitlements to a course allow together."""

from datetime import datetime, timedelta

import pytest

from services.billing.domain.entitlement import Entitlement, EntitlementRevoked, Reason, Source, decide
from tests.billing.conftest import START

DAY = timedelta(days=1)


def held(name: str, begins: int = -10, ends: int | None = None, revoked: int | None = None) -> Entitlement:
    """Days from now."""
    granted = Entitlement.grant(name, user_id="u", course_id="c", source=Source.PURCHASE, now=START + begins * DAY)
    granted.not_after = None if ends is None else START + ends * DAY
    granted.revoked_at = None if revoked is None else START + revoked * DAY
    return granted


def day(number: int | None) -> datetime | None:
    return None if number is None else START + number * DAY


@pytest.mark.parametrize(
    ("entitlements", "reason", "by", "until"),
    [
        ([], Reason.NO_ENTITLEMENT, None, None),
        ([held("a")], Reason.ENTITLED, "a", None),
        ([held("a", ends=0)], Reason.EXPIRED, "a", None),
        ([held("a", ends=1)], Reason.ENTITLED, "a", 1),
        ([held("a", begins=0)], Reason.ENTITLED, "a", None),
        ([held("a", revoked=-1)], Reason.REVOKED, "a", None),
        ([held("a", revoked=-1), held("b")], Reason.ENTITLED, "b", None),
        ([held("a", ends=5), held("b", ends=9), held("c", ends=2)], Reason.ENTITLED, "b", 9),
        ([held("a", ends=5), held("b")], Reason.ENTITLED, "b", None),
        ([held("a", ends=5), held("b", begins=5, ends=8)], Reason.ENTITLED, "a", 8),
        ([held("a", ends=5), held("b", begins=6, ends=8)], Reason.ENTITLED, "a", 5),
        ([held("a", begins=3), held("b", begins=2), held("c", ends=-1)], Reason.NOT_YET, "b", 2),
        ([held("a", ends=-5), held("b", revoked=-3)], Reason.REVOKED, "b", None),
        ([held("a", ends=-2), held("b", revoked=-3)], Reason.EXPIRED, "a", None),
        ([held("a", ends=-5, revoked=-3)], Reason.EXPIRED, "a", None),
    ],
)
def test_access_is_the_union(
    entitlements: list[Entitlement], reason: Reason, by: str | None, until: int | None
) -> None:
    found, deciding, changes = decide(entitlements, START)
    assert (found, deciding.id if deciding else None, changes) == (reason, by, day(until))


def test_taking_back_is_announced_once() -> None:
    taken = held("a")
    taken.take_events()
    taken.revoke(START)
    taken.revoke(START + DAY)
    assert taken.take_events() == [
        EntitlementRevoked(entitlement_id="a", user_id="u", course_id="c", order_id="", revoked_at=START)
    ]
