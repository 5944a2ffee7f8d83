"""The store in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.dialects import postgresql

from services.billing import wire
from services.billing.adapters.postgres_money import PostgresLedger, PostgresWebhooks
from services.billing.domain.entitlement import Entitlement, Source
from services.billing.domain.order import Order, OrderLine, OrderState
from services.billing.domain.payment import Payment, PaymentState
from services.billing.domain.provider import FailedAttempt, FailureCode
from services.billing.tables import entitlements, failed_attempts, order_lines, orders, payments
from services.chassis.db import Work, Writer
from services.kernel.events import Aggregate
from services.kernel.money import Money
from services.kernel.requests import RequestLog


class PostgresStore:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @contextmanager
    def begin(self) -> Iterator["PostgresTx"]:
        with self._writer.begin() as work:
            yield PostgresTx(work)


class PostgresTx:
    def __init__(self, work: Work) -> None:
        self.orders = PostgresOrders(work)
        self.payments = PostgresPayments(work)
        self.entitlements = PostgresEntitlements(work)
        self.ledger = PostgresLedger(work)
        self.webhooks = PostgresWebhooks(work)
        self.requests: RequestLog = work.requests


class PostgresOrders:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, order_id: str) -> Order | None:
        return self._order(select(orders).where(orders.c.id == order_id))

    def locked(self, order_id: str) -> Order | None:
        return self._order(select(orders).where(orders.c.id == order_id).with_for_update())

    def add(self, order: Order) -> bool:
        row = {**_order_values(order), "id": order.id, "version": 1, "user_id": order.user_id}
        row |= {"transaction_id": order.transaction_id, "created_at": order.created_at}
        row |= {"success_url": order.success_url, "cancel_url": order.cancel_url, "looked_up_at": order.created_at}
        added = postgresql.insert(orders).values(row).on_conflict_do_nothing(index_elements=["id"])
        if self._work.execute(added.returning(orders.c.id)).first() is None:
            return False
        self._work.execute(insert(order_lines), [_line_row(order.id, *each) for each in enumerate(order.lines)])
        order.version = 1
        return True

    def save(self, order: Order) -> None:
        self._work.update_version(orders, order.id, order.version, _order_values(order))
        order.version += 1

    def take_overdue(self, now: datetime, since: datetime, keys_since: datetime, limit: int) -> list[str]:
        waiting = select(orders.c.id).where(orders.c.state == OrderState.OPEN, orders.c.looked_up_at <= since)
        waiting = waiting.where(or_(orders.c.session_id.is_not(None), orders.c.key_made_at <= keys_since))
        waiting = waiting.order_by(orders.c.looked_up_at).limit(limit).with_for_update(skip_locked=True)
        taken = update(orders).where(orders.c.id.in_(waiting)).values(looked_up_at=now).returning(orders.c.id)
        return [str(row.id) for row in self._work.execute(taken)]

    def _order(self, query: Any) -> Order | None:
        row = self._work.execute(query).first()
        if row is None:
            return None
        lines = select(order_lines).where(order_lines.c.order_id == row.id).order_by(order_lines.c.position)
        return _order(row, tuple(_line(line) for line in self._work.execute(lines)))


class PostgresPayments:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, transaction_id: str) -> Payment | None:
        row = self._work.execute(select(payments).where(payments.c.id == transaction_id)).first()
        return _payment(row) if row else None

    def add(self, payment: Payment) -> None:
        row = {**_payment_values(payment), "id": payment.id, "version": 1, "order_id": payment.order_id}
        row |= {"user_id": payment.user_id, "course_id": payment.course_id, "created_at": payment.created_at}
        row |= {"currency": payment.amount.currency, "amount_minor": payment.amount.amount_minor}
        self._work.execute(insert(payments).values(row))
        payment.version = 1
        _announce(self._work, payment)

    def add_attempt(self, payment: Payment, attempt: FailedAttempt) -> bool:
        row: dict[str, Any] = {"payment_id": payment.id, "attempt_id": attempt.attempt_id}
        row |= {"code": attempt.code, "occurred_at": attempt.occurred_at}
        added = postgresql.insert(failed_attempts).values(row).on_conflict_do_nothing()
        return self._work.execute(added.returning(failed_attempts.c.attempt_id)).first() is not None

    def save(self, payment: Payment) -> None:
        self._work.update_version(payments, payment.id, payment.version, _payment_values(payment))
        payment.version += 1
        _announce(self._work, payment)


class PostgresEntitlements:
    def __init__(self, work: Work) -> None:
        self._work = work

    def of(self, user_id: str, course_id: str) -> list[Entitlement]:
        found = select(entitlements).where(entitlements.c.user_id == user_id, entitlements.c.course_id == course_id)
        return [_entitlement(row) for row in self._work.execute(found.order_by(entitlements.c.id))]

    def of_order(self, order_id: str) -> list[Entitlement]:
        found = select(entitlements).where(entitlements.c.order_id == order_id).order_by(entitlements.c.id)
        return [_entitlement(row) for row in self._work.execute(found)]

    def add(self, entitlement: Entitlement) -> bool:
        names = ("id", "user_id", "course_id", "source", "not_before", "not_after", "granted_at", "revoked_at")
        row = {name: getattr(entitlement, name) for name in names}
        row |= {"version": 1, "order_id": entitlement.order_id or None}
        row |= {"order_line_id": entitlement.order_line_id or None}
        added = postgresql.insert(entitlements).values(row).on_conflict_do_nothing()
        if self._work.execute(added.returning(entitlements.c.id)).first() is None:
            return False
        entitlement.version = 1
        _announce(self._work, entitlement)
        return True

    def save(self, entitlement: Entitlement) -> None:
        values = {"revoked_at": entitlement.revoked_at}
        self._work.update_version(entitlements, entitlement.id, entitlement.version, values)
        entitlement.version += 1
        _announce(self._work, entitlement)


def _announce(work: Work, aggregate: Aggregate) -> None:
    for event in aggregate.take_events():
        work.announce(wire.announced(event), aggregate.id, aggregate.version)


def _order_values(order: Order) -> dict[str, Any]:
    return {
        "state": order.state,
        "idempotency_key": order.idempotency_key,
        "key_made_at": order.key_made_at,
        "session_id": order.session_id or None,
        "checkout_url": order.checkout_url,
        "expires_at": order.expires_at,
    }


def _order(row: Row[Any], lines: tuple[OrderLine, ...]) -> Order:
    kept = {name: value for name, value in row._mapping.items() if name != "looked_up_at"}
    return Order(**(kept | {"lines": lines, "state": OrderState(row.state), "session_id": row.session_id or ""}))


def _line_row(order_id: str, position: int, line: OrderLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "order_id": order_id,
        "position": position,
        "course_id": line.course_id,
        "course_title": line.course_title,
        "instructor_id": line.instructor_id,
        "currency": line.amount.currency,
        "amount_minor": line.amount.amount_minor,
        "instructor_share_bps": line.instructor_share_bps,
    }


def _line(row: Row[Any]) -> OrderLine:
    return OrderLine(
        id=row.id,
        course_id=row.course_id,
        course_title=row.course_title,
        instructor_id=row.instructor_id,
        amount=Money(row.currency, row.amount_minor),
        instructor_share_bps=row.instructor_share_bps,
    )


def _payment_values(payment: Payment) -> dict[str, Any]:
    failure = payment.failure
    return {
        "state": payment.state,
        "method": payment.method,
        "intent_id": payment.intent_id,
        "failure_code": failure.code if failure else None,
        "failure_attempt_id": failure.attempt_id if failure else None,
        "failed_at": failure.occurred_at if failure else None,
        "lapsed": payment.lapsed,
        "paid_at": payment.paid_at,
        "refunded_at": payment.refunded_at,
    }


def _payment(row: Row[Any]) -> Payment:
    names = ("id", "version", "order_id", "user_id", "course_id", "created_at", "method", "intent_id", "lapsed")
    kept = {name: row._mapping[name] for name in (*names, "paid_at", "refunded_at")}
    failed = row.failure_code is not None
    return Payment(
        **kept,
        amount=Money(row.currency, row.amount_minor),
        state=PaymentState(row.state),
        failure=FailedAttempt(row.failed_at, row.failure_attempt_id, FailureCode(row.failure_code)) if failed else None,
    )


def _entitlement(row: Row[Any]) -> Entitlement:
    ids = {"order_id": row.order_id or "", "order_line_id": row.order_line_id or "", "source": Source(row.source)}
    return Entitlement(**(dict(row._mapping) | ids))
