"""The store in memory, for tests; held to the same suite as the one in PostgreSQL."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.billing.domain.entitlement import Entitlement, Source
from services.billing.domain.ledger import Entry
from services.billing.domain.order import Order, OrderState
from services.billing.domain.payment import Payment
from services.billing.domain.provider import FailedAttempt, ProviderEvent
from services.chassis.memory import MemoryRequests, MemoryState, MemoryTransactions
from services.kernel.errors import StaleVersion
from services.kernel.events import Aggregate


@dataclass
class KeptEvent:
    event: ProviderEvent
    due_at: datetime | None
    outcome: str = ""
    error: str = ""


@dataclass
class State(MemoryState):
    orders: dict[str, Order] = field(default_factory=dict)
    looked_up: dict[str, datetime] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    attempts: set[tuple[str, str]] = field(default_factory=set)
    entitlements: dict[str, Entitlement] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    webhooks: dict[str, KeptEvent] = field(default_factory=dict)


class MemoryStore(MemoryTransactions[State]):
    def __init__(self) -> None:
        super().__init__(State())

    @contextmanager
    def begin(self) -> Iterator["MemoryTx"]:
        with self.begin_state() as state:
            yield MemoryTx(state)


class MemoryTx:
    def __init__(self, state: State) -> None:
        self.orders = MemoryOrders(state)
        self.payments = MemoryPayments(state)
        self.entitlements = MemoryEntitlements(state)
        self.ledger = MemoryLedger(state)
        self.webhooks = MemoryWebhooks(state)
        self.requests = MemoryRequests(state)


class MemoryOrders:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, order_id: str) -> Order | None:
        return copy.deepcopy(self._state.orders.get(order_id))

    def locked(self, order_id: str) -> Order | None:
        return self.get(order_id)

    def add(self, order: Order) -> bool:
        if order.id in self._state.orders:
            return False
        order.version = 1
        self._state.orders[order.id] = copy.deepcopy(order)
        self._state.looked_up[order.id] = order.created_at
        return True

    def save(self, order: Order) -> None:
        _next_version(self._state, self._state.orders[order.id], order)
        self._state.orders[order.id] = copy.deepcopy(order)

    def take_overdue(self, now: datetime, since: datetime, keys_since: datetime, limit: int) -> list[str]:
        looked_up = self._state.looked_up
        waiting = [
            order.id
            for order in self._state.orders.values()
            if order.state is OrderState.OPEN
            and looked_up[order.id] <= since
            and (order.session_id or order.key_made_at <= keys_since)
        ]
        taken = sorted(waiting, key=lambda order_id: looked_up[order_id])[:limit]
        looked_up.update(dict.fromkeys(taken, now))
        return taken


class MemoryPayments:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, transaction_id: str) -> Payment | None:
        return copy.deepcopy(self._state.payments.get(transaction_id))

    def add(self, payment: Payment) -> None:
        payment.version = 1
        self._state.announced += payment.take_events()
        self._state.payments[payment.id] = copy.deepcopy(payment)

    def add_attempt(self, payment: Payment, attempt: FailedAttempt) -> bool:
        known = (payment.id, attempt.attempt_id) in self._state.attempts
        self._state.attempts.add((payment.id, attempt.attempt_id))
        return not known

    def save(self, payment: Payment) -> None:
        _next_version(self._state, self._state.payments[payment.id], payment)
        self._state.payments[payment.id] = copy.deepcopy(payment)


class MemoryEntitlements:
    def __init__(self, state: State) -> None:
        self._state = state

    def of(self, user_id: str, course_id: str) -> list[Entitlement]:
        return [e for e in self._all() if (e.user_id, e.course_id) == (user_id, course_id)]

    def of_order(self, order_id: str) -> list[Entitlement]:
        return [e for e in self._all() if e.order_id == order_id]

    def add(self, entitlement: Entitlement) -> bool:
        if any(_in_the_way(other, entitlement) for other in self._state.entitlements.values()):
            return False
        entitlement.version = 1
        self._state.announced += entitlement.take_events()
        self._state.entitlements[entitlement.id] = copy.deepcopy(entitlement)
        return True

    def save(self, entitlement: Entitlement) -> None:
        _next_version(self._state, self._state.entitlements[entitlement.id], entitlement)
        self._state.entitlements[entitlement.id] = copy.deepcopy(entitlement)

    def _all(self) -> list[Entitlement]:
        return sorted(copy.deepcopy(list(self._state.entitlements.values())), key=lambda e: e.id)


class MemoryLedger:
    def __init__(self, state: State) -> None:
        self._state = state

    def post(self, entry: Entry) -> None:
        assert (entry.order_line_id, entry.kind) not in {(e.order_line_id, e.kind) for e in self._state.entries}
        self._state.entries.append(entry)


class MemoryWebhooks:
    def __init__(self, state: State) -> None:
        self._kept = state.webhooks

    def add(self, event: ProviderEvent, now: datetime, *, due: bool) -> bool:
        if event.id in self._kept:
            return False
        self._kept[event.id] = KeptEvent(event, now if due else None, "" if due else "ignored")
        return True

    def take_due(self, now: datetime, until: datetime) -> ProviderEvent | None:
        due = [(kept.due_at, kept.event.id) for kept in self._kept.values() if kept.due_at and kept.due_at <= now]
        if not due:
            return None
        kept = self._kept[min(due)[1]]
        kept.due_at, kept.event = until, replace(kept.event, attempts=kept.event.attempts + 1)
        return kept.event

    def done(self, event_id: str, outcome: str, now: datetime) -> None:
        kept = self._kept[event_id]
        kept.due_at, kept.outcome, kept.error = None, outcome, ""

    def failed(self, event_id: str, error: str, due_at: datetime) -> None:
        kept = self._kept[event_id]
        if not kept.outcome:
            kept.due_at, kept.error = due_at, error


def _in_the_way(other: Entitlement, new: Entitlement) -> bool:
    if new.order_line_id:
        return other.order_line_id == new.order_line_id
    living = other.source is Source.FREE and other.revoked_at is None
    return new.source is Source.FREE and living and (other.user_id, other.course_id) == (new.user_id, new.course_id)


def _next_version(state: State, stored: Aggregate, aggregate: Aggregate) -> None:
    if stored.version != aggregate.version:
        raise StaleVersion
    aggregate.version += 1
    state.announced += aggregate.take_events()
