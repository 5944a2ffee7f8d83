"""A payment provider in memory that keeps Stripe's idempotency contract, and a catalog of a few courses."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.billing.domain.errors import AmountNotChargeable
from services.billing.domain.order import Order
from services.billing.domain.provider import CheckoutFacts, FailedAttempt, FailureCode, ProviderEvent
from services.billing.ports import CourseFacts, KeySpent
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from services.kernel.money import Money

REMEMBERED = timedelta(hours=24)
EUR_50 = Money("EUR", 5_000)


@dataclass
class _Remembered:
    params: tuple[object, ...]
    answer: CheckoutFacts | None
    at: datetime


@dataclass
class FakeGateway:
    """`lose_replies` calls are carried out and not answered, `fail_inside` calls end in a failure that is remembered
    under the key, before or after the page was made."""

    clock: Callable[[], datetime]
    sessions: dict[str, CheckoutFacts] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lose_replies: int = 0
    unreachable: bool = False
    fail_inside: int = 0
    made_before_failing: bool = False
    smallest_minor: int = 50
    _keys: dict[str, _Remembered] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def open_checkout(self, order: Order) -> CheckoutFacts:
        self._called(f"open {order.idempotency_key}")
        if order.amount.amount_minor < self.smallest_minor:
            raise AmountNotChargeable  # refused before it began, so nothing is remembered
        with self._one_at_a_time:
            known = self._recalled(order)
            lost, self.lose_replies = self.lose_replies > 0, max(0, self.lose_replies - 1)
        if known.answer is None:
            raise KeySpent
        if lost:
            raise DependencyUnavailable(dependency="stripe")
        return known.answer

    def _recalled(self, order: Order) -> _Remembered:
        params, now = (order.id, order.lines, order.success_url, order.cancel_url), self.clock()
        known = self._keys.get(order.idempotency_key)
        if known is None or now - known.at >= REMEMBERED:
            known = self._keys[order.idempotency_key] = _Remembered(params, self._carry_out(order, now), now)
        assert known.params == params, "the same key with other parameters is an error at Stripe"
        return known

    def find_checkout(self, order: Order) -> CheckoutFacts | None:
        self._called("find")
        return next((facts for facts in self.sessions.values() if facts.order_id == order.id), None)

    def checkout(self, session_id: str) -> CheckoutFacts | None:
        self._called("checkout")
        return self.sessions.get(session_id)

    def checkout_of_intent(self, intent_id: str) -> CheckoutFacts | None:
        self._called("intent")
        return next((facts for facts in self.sessions.values() if facts.intent_id == intent_id), None)

    def _carry_out(self, order: Order, now: datetime) -> CheckoutFacts | None:
        failing = self.fail_inside > 0
        self.fail_inside -= failing
        facts = CheckoutFacts(
            session_id=f"cs_{new_id()}",
            order_id=order.id,
            url="https://pay.example/page",
            expires_at=now + timedelta(days=1),
            amount=order.amount,
            paid=False,
            over=False,
            refunded=False,
        )
        if not failing or self.made_before_failing:
            self.sessions[facts.session_id] = facts
        return None if failing else facts

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.unreachable:
            raise DependencyUnavailable(dependency="stripe")

    # What the buyer and the provider do meanwhile; each gives the message that Stripe would send.

    def session_of(self, order: Order) -> CheckoutFacts:
        return next(facts for facts in self.sessions.values() if facts.order_id == order.id)

    def pay(self, order: Order) -> list[ProviderEvent]:
        facts = self.change(order, paid=True, url="", intent_id=f"pi_{order.id}", method="card", paid_at=self.clock())
        return [self.event("payment_intent.succeeded", facts), self.event("checkout.session.completed", facts)]

    def decline(self, order: Order, code: FailureCode = FailureCode.DECLINED) -> ProviderEvent:
        facts = self.change(order, intent_id=f"pi_{order.id}")
        return self.event("payment_intent.payment_failed", facts, FailedAttempt(self.clock(), f"ch_{new_id()}", code))

    def run_out(self, order: Order) -> ProviderEvent:
        return self.event("checkout.session.expired", self.change(order, over=True, url=""))

    def refund(self, order: Order) -> ProviderEvent:
        return self.event("charge.refunded", self.change(order, refunded=True))

    def event(self, kind: str, facts: CheckoutFacts, failure: FailedAttempt | None = None) -> ProviderEvent:
        object_kind = kind.rpartition(".")[0]
        return ProviderEvent(
            id=f"evt_{new_id()}",
            type=kind,
            created_at=self.clock(),
            object_kind=object_kind,
            object_id=facts.session_id if object_kind == "checkout.session" else facts.intent_id,
            intent_id=facts.intent_id,
            failure=failure,
        )

    def change(self, order: Order, **changes: object) -> CheckoutFacts:
        facts = replace(self.session_of(order), **changes)  # type: ignore[arg-type]
        self.sessions[facts.session_id] = facts
        return facts


@dataclass
class FakeCatalog:
    courses: dict[str, CourseFacts] = field(default_factory=dict)
    calls: int = 0

    def course(self, course_id: str) -> CourseFacts | None:
        self.calls += 1
        return self.courses.get(course_id)

    def has(self, price: Money = EUR_50, *, published: bool = True) -> str:
        course_id = new_id()
        self.courses[course_id] = CourseFacts(course_id, "Latin for beginners", new_id(), published, price)
        return course_id
