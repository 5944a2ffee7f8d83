"""What a user paid, or tried to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import UUID

from services.billing import tables
from services.billing.domain.errors import PaymentNotFound
from services.billing.domain.payment import PaymentState
from services.billing.domain.provider import FailureCode
from services.billing.queries.entitlements import after_id
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class PaymentRow:
    id: str
    order_id: str
    user_id: str
    course_id: str
    course_title: str
    currency: str
    amount_minor: int
    state: str
    method: str
    last_failure: str | None
    lapsed: bool
    created_at: datetime
    paid_at: datetime | None

    @property
    def failure_code(self) -> FailureCode | None:
        """As the payment itself says it."""
        if self.state != PaymentState.FAILED:
            return None
        if self.lapsed:
            return FailureCode.CHECKOUT_EXPIRED
        return FailureCode(self.last_failure) if self.last_failure else FailureCode.PROVIDER_ERROR


_p, _l = tables.payments.c, tables.order_lines.c
_PAYMENT = (
    select(
        _p.id,
        _p.order_id,
        _p.user_id,
        _p.course_id,
        _l.course_title,
        _p.currency,
        _p.amount_minor,
        _p.state,
        _p.method,
        _p.failure_code,
        _p.lapsed,
        _p.created_at,
        _p.paid_at,
    )
    .join_from(tables.payments, tables.order_lines, _l.order_id == _p.order_id)
    .where(_l.position == 0)
)
_BY_ID = _PAYMENT.where(_p.id == bindparam("transaction_id"))
_FIRST_PAGE = _PAYMENT.where(_p.user_id == bindparam("user_id")).order_by(_p.id.desc()).limit(bindparam("limit"))
_NEXT_PAGE = _FIRST_PAGE.where(_p.id < bindparam("after", type_=UUID(as_uuid=False)))


@dataclass(frozen=True)
class GetPayment:
    transaction_id: str
    user_id: str
    sees_all: bool


def get_payment(query: GetPayment, rows: Rows) -> PaymentRow:
    found = rows.one(_BY_ID, PaymentRow, {"transaction_id": query.transaction_id})
    if found is None or (found.user_id != query.user_id and not query.sees_all):
        raise PaymentNotFound(transaction_id=query.transaction_id)
    return found


@dataclass(frozen=True)
class ListPayments:
    user_id: str
    page: PageRequest


def list_payments(query: ListPayments, rows: Rows) -> Page[PaymentRow]:
    after = after_id(query.page)
    parameters = {"user_id": query.user_id, "limit": query.page.limit + 1} | ({"after": after} if after else {})
    found = rows.all(_NEXT_PAGE if after else _FIRST_PAGE, PaymentRow, parameters)
    return page_of(found, query.page, lambda row: (row.id,))
