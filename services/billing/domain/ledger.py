"""Double entry: every amount is written twice, so that nothing appears or vanishes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.billing.domain.order import OrderLine


class AccountKind(StrEnum):
    STRIPE_CLEARING = "stripe_clearing"
    """What the provider holds for us."""
    INSTRUCTOR_PAYABLE = "instructor_payable"
    """What we owe an instructor."""
    PLATFORM_REVENUE = "platform_revenue"


class EntryKind(StrEnum):
    SALE = "sale"
    REFUND = "refund"


@dataclass(frozen=True)
class Account:
    kind: AccountKind
    currency: str
    instructor_id: str = ""

    @property
    def id(self) -> str:
        return ":".join(part for part in (self.kind, self.instructor_id, self.currency) if part)


@dataclass(frozen=True)
class Posting:
    """Minor units: debits are positive, credits negative."""

    account: Account
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What happened to the money of one order line; there is one entry of each kind at most."""

    kind: EntryKind
    order_line_id: str
    transaction_id: str
    occurred_at: datetime
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        for currency in {posting.account.currency for posting in self.postings}:
            if sum(p.amount_minor for p in self.postings if p.account.currency == currency):
                raise ValueError("an entry sums to zero in each currency")


def sale(line: OrderLine, transaction_id: str, at: datetime) -> Entry:
    return _entry(EntryKind.SALE, line, transaction_id, at, lambda amount: amount)


def refund(line: OrderLine, transaction_id: str, at: datetime) -> Entry:
    """The sale, the other way round: both stay on record."""
    return _entry(EntryKind.REFUND, line, transaction_id, at, lambda amount: -amount)


def _entry(kind: EntryKind, line: OrderLine, transaction_id: str, at: datetime, sign: Callable[[int], int]) -> Entry:
    currency, total, share = line.amount.currency, line.amount.amount_minor, line.instructor_minor
    amounts = (
        (Account(AccountKind.STRIPE_CLEARING, currency), total),
        (Account(AccountKind.INSTRUCTOR_PAYABLE, currency, line.instructor_id), -share),
        (Account(AccountKind.PLATFORM_REVENUE, currency), share - total),
    )
    postings = tuple(Posting(account, sign(amount)) for account, amount in amounts if amount)
    return Entry(kind=kind, order_line_id=line.id, transaction_id=transaction_id, occurred_at=at, postings=postings)
