"""A payment: the money side of an order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.billing.domain.provider import FailedAttempt, FailureCode
from services.kernel.events import Aggregate, DomainEvent
from services.kernel.money import Money


class PaymentState(StrEnum):
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class PaymentSucceeded(DomainEvent):
    order_id: str
    transaction_id: str
    user_id: str
    course_id: str
    amount: Money
    paid_at: datetime


@dataclass(frozen=True, kw_only=True)
class PaymentFailed(DomainEvent):
    order_id: str
    transaction_id: str
    user_id: str
    course_id: str
    amount: Money
    failure_code: FailureCode


@dataclass(kw_only=True)
class Payment(Aggregate):
    """Its id is the transaction id that the payer knows."""

    order_id: str
    user_id: str
    course_id: str
    amount: Money
    created_at: datetime
    state: PaymentState = PaymentState.PENDING
    method: str = ""
    intent_id: str = ""
    failure: FailedAttempt | None = None
    lapsed: bool = False
    paid_at: datetime | None = None
    refunded_at: datetime | None = None

    def complete(self, *, paid_at: datetime, method: str, intent_id: str) -> None:
        if self.state is PaymentState.COMPLETED:
            return
        self.state = PaymentState.COMPLETED
        self.method, self.intent_id, self.paid_at = method, intent_id, paid_at
        self.record(
            PaymentSucceeded(
                order_id=self.order_id,
                transaction_id=self.id,
                user_id=self.user_id,
                course_id=self.course_id,
                amount=self.amount,
                paid_at=paid_at,
            )
        )

    def fail(self, attempt: FailedAttempt) -> None:
        """An attempt was refused; the next may succeed. What is heard too late to matter isn't announced."""
        self.failure = max(self.failure or attempt, attempt)
        if self.state is PaymentState.COMPLETED or self.lapsed:
            return
        self.state = PaymentState.FAILED
        self._record_failure(attempt.code)

    def lapse(self) -> None:
        """The time to pay ran out."""
        if self.state is PaymentState.COMPLETED or self.lapsed:
            return
        self.state, self.lapsed = PaymentState.FAILED, True
        self._record_failure(FailureCode.CHECKOUT_EXPIRED)

    def close(self) -> None:
        """It will never be paid, and nobody has seen a page to pay on: nobody is told."""
        if self.state is not PaymentState.COMPLETED:
            self.state, self.failure = PaymentState.FAILED, None

    def refund(self, now: datetime) -> bool:
        """The whole amount was given back; False when that was known already."""
        if self.state is not PaymentState.COMPLETED or self.refunded_at is not None:
            return False
        self.refunded_at = now
        return True

    @property
    def failure_code(self) -> FailureCode | None:
        if self.state is not PaymentState.FAILED:
            return None
        if self.lapsed:
            return FailureCode.CHECKOUT_EXPIRED
        return self.failure.code if self.failure else FailureCode.PROVIDER_ERROR

    def _record_failure(self, code: FailureCode) -> None:
        self.record(
            PaymentFailed(
                order_id=self.order_id,
                transaction_id=self.id,
                user_id=self.user_id,
                course_id=self.course_id,
                amount=self.amount,
                failure_code=code,
            )
        )
