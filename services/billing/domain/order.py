"""An order: what someone wants to buy, at which price, and how far the checkout is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.billing.domain.provider import CheckoutFacts, ProviderContradiction
from services.kernel.events import Aggregate
from services.kernel.money import Money

# The provider forgets idempotency keys after a day; from then on a repeated call would be a new one.
KEY_LIFETIME = timedelta(hours=23)


class OrderState(StrEnum):
    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"
    REFUSED = "refused"
    """The provider takes no such payment: there never was a page to pay on."""


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """One course of an order. The split of its price is fixed when it is ordered, whatever is agreed later."""

    id: str
    course_id: str
    course_title: str
    instructor_id: str
    amount: Money
    instructor_share_bps: int

    @property
    def instructor_minor(self) -> int:
        """The instructor's share; what doesn't divide stays with the platform."""
        return self.amount.amount_minor * self.instructor_share_bps // 10_000


@dataclass(kw_only=True)
class Order(Aggregate):
    user_id: str
    transaction_id: str
    lines: tuple[OrderLine, ...]
    success_url: str
    cancel_url: str
    created_at: datetime
    idempotency_key: str
    key_made_at: datetime
    state: OrderState = OrderState.OPEN
    session_id: str = ""
    checkout_url: str = ""
    expires_at: datetime | None = None

    @classmethod
    def place(
        cls,
        order_id: str,
        transaction_id: str,
        *,
        user_id: str,
        line: OrderLine,
        success_url: str,
        cancel_url: str,
        now: datetime,
    ) -> "Order":
        return cls(
            id=order_id,
            user_id=user_id,
            transaction_id=transaction_id,
            lines=(line,),
            success_url=success_url,
            cancel_url=cancel_url,
            created_at=now,
            idempotency_key=f"campus-order-{order_id}-1",
            key_made_at=now,
        )

    @property
    def amount(self) -> Money:
        first, *others = (line.amount for line in self.lines)
        return sum(others, first)

    @property
    def course_id(self) -> str:
        return self.lines[0].course_id

    @property
    def awaits_page(self) -> bool:
        """Whether it isn't known yet where to pay: the provider wasn't asked, or its answer was lost."""
        return self.state is OrderState.OPEN and not self.session_id

    def key_is_too_old(self, now: datetime) -> bool:
        return now - self.key_made_at >= KEY_LIFETIME

    def change_key(self, now: datetime) -> None:
        """Under the present key the provider will only repeat a failure that made nothing."""
        stem, _, number = self.idempotency_key.rpartition("-")
        self.idempotency_key, self.key_made_at = f"{stem}-{int(number) + 1}", now

    def show_page(self, facts: CheckoutFacts) -> None:
        """Keeps where to pay. A second page of the same order may exist unseen, but must not be paid."""
        if facts.order_id != self.id:
            raise ProviderContradiction(f"session {facts.session_id} belongs to another order")
        if self.session_id and self.session_id != facts.session_id:
            if facts.paid:
                raise ProviderContradiction(f"session {facts.session_id} was paid beside {self.session_id}")
            return
        self.session_id, self.expires_at = facts.session_id, facts.expires_at
        # A page that is closed has no address any more; the one that was answered before stays what it was.
        self.checkout_url = facts.url or self.checkout_url

    def pay(self, facts: CheckoutFacts) -> bool:
        """The money was taken, whatever we believed before; False when that was known already."""
        if self.state is OrderState.PAID:
            return False
        if facts.amount != self.amount:
            raise ProviderContradiction(f"session {facts.session_id} was paid with another amount than was ordered")
        self.state = OrderState.PAID
        return True

    def expire(self) -> bool:
        if self.state is not OrderState.OPEN:
            return False
        self.state = OrderState.EXPIRED
        return True

    def refuse(self) -> None:
        if self.awaits_page:
            self.state = OrderState.REFUSED
