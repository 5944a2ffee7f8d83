"""Counting tries, and refusing those beyond a limit."""

from collections.abc import Sequence
from datetime import datetime

from services.identity.domain.errors import LoginThrottled
from services.identity.domain.throttle import Limit
from services.identity.ports import Tx


def admit(tx: Tx, limits: Sequence[Limit], now: datetime) -> LoginThrottled | None:
    """Counts a try against each limit. Returns the refusal instead of raising it: the count has to be committed."""
    refusal = None
    for limit in limits:
        count, until = tx.attempts.count(limit, now)
        if count > limit.most:
            refusal = LoginThrottled(retry_after=until - now)
    return refusal
