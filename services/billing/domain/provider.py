"""What the payment provider tells, in our own words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.money import Money


class FailureCode(StrEnum):
    """Why a payment failed."""

    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CARD_EXPIRED = "card_expired"
    CARD_DATA_WRONG = "card_data_wrong"
    NOT_AUTHENTICATED = "not_authenticated"
    CHECKOUT_EXPIRED = "checkout_expired"
    PROVIDER_ERROR = "provider_error"


@dataclass(frozen=True, order=True)
class FailedAttempt:
    """One attempt to pay that was refused. Of several the latest counts, whichever is heard of first."""

    occurred_at: datetime
    attempt_id: str
    code: FailureCode


@dataclass(frozen=True, kw_only=True)
class CheckoutFacts:
    """A checkout as the provider sees it when asked; nothing in it depends on which message came first."""

    session_id: str
    order_id: str
    url: str
    expires_at: datetime
    amount: Money
    paid: bool
    over: bool
    """Will never be paid: the time ran out, or a slow means of payment failed in the end."""
    refunded: bool
    """The whole amount was given back."""
    intent_id: str = ""
    method: str = ""
    paid_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderEvent:
    """A message of the provider, down to what is needed to ask about its subject; it keeps no personal data."""

    id: str
    type: str
    created_at: datetime
    object_kind: str
    object_id: str
    intent_id: str = ""
    failure: FailedAttempt | None = None
    attempts: int = 0
    """How often it was tried to act on it."""


class ProviderContradiction(Exception):
    """The provider's facts don't fit the order: nothing is booked until a person has looked."""
