"""Bringing one notification to its user by one channel: tried until it is taken over, refused, or in vain too often."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.kernel.events import Aggregate
from services.messaging.domain.notification import Channel, Kind, Notification

# Longer than any attempt takes. Whoever tries a delivery has it to themselves for so long; the delivery of one that
# died meanwhile comes back by itself.
LEASE = timedelta(minutes=2)
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=6)
PATIENCE = timedelta(days=1)
# More attempts than a day of delays holds: only a delivery that ends whoever tries it gets that far.
MOST_ATTEMPTS = 20
INTERRUPTED = "interrupted"


class State(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


@dataclass(kw_only=True)
class Delivery(Aggregate):
    """`error` is a stable word for what the last failed attempt met with; it holds no personal data."""

    notification_id: str
    user_id: str
    kind: Kind
    channel: Channel
    state: State
    attempt_count: int
    error: str
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None

    @classmethod
    def of(cls, delivery_id: str, notification: Notification, channel: Channel) -> "Delivery":
        """The list inside the application takes a notification over as soon as it is stored; mail has to be sent."""
        at_once = channel is Channel.IN_APP
        return cls(
            id=delivery_id,
            notification_id=notification.id,
            user_id=notification.user_id,
            kind=notification.kind,
            channel=channel,
            state=State.SENT if at_once else State.PENDING,
            attempt_count=1 if at_once else 0,
            error="",
            created_at=notification.created_at,
            next_attempt_at=None if at_once else notification.created_at,
            delivered_at=notification.created_at if at_once else None,
        )

    def begin_attempt(self, now: datetime) -> bool:
        """Takes the delivery for one attempt; False when too many were begun, and none of them ended."""
        if self.attempt_count >= MOST_ATTEMPTS:
            self._end(State.FAILED, self.error or INTERRUPTED)
            return False
        self.attempt_count += 1
        self.next_attempt_at = now + LEASE
        return True

    def succeed(self, now: datetime) -> None:
        self._end(State.SENT, self.error)
        self.delivered_at = now

    def refuse(self, error: str) -> None:
        """The channel will never take it."""
        self._end(State.FAILED, error)

    def suppress(self, error: str) -> None:
        """There is nobody any more to whom it could be brought."""
        self._end(State.SUPPRESSED, error)

    def defer(self, error: str, now: datetime) -> None:
        """To be tried again, later each time, for a day."""
        # The exponent is bounded because powers soon leave what a timedelta holds.
        delay: timedelta = min(LONGEST_DELAY, FIRST_DELAY * 3 ** min(self.attempt_count - 1, 10))
        if now + delay > self.created_at + PATIENCE:
            self._end(State.FAILED, error)
            return
        self.error, self.next_attempt_at = error, now + delay

    def _end(self, state: State, error: str) -> None:
        if self.state is not State.PENDING:
            raise ValueError(f"a delivery that is {self.state} stays so")
        self.state, self.error, self.next_attempt_at = state, error, None
