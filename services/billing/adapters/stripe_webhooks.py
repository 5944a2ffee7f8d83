"""Stripe's messages: proven by their signature, and read down to what is needed to ask about their subject."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from services.billing.domain.errors import WebhookMalformed, WebhookSignatureExpired, WebhookSignatureInvalid
from services.billing.domain.provider import FailedAttempt, FailureCode, ProviderEvent

TOLERANCE = timedelta(seconds=300)
_CODES = {
    "insufficient_funds": FailureCode.INSUFFICIENT_FUNDS,
    "expired_card": FailureCode.CARD_EXPIRED,
    "incorrect_number": FailureCode.CARD_DATA_WRONG,
    "invalid_number": FailureCode.CARD_DATA_WRONG,
    "incorrect_cvc": FailureCode.CARD_DATA_WRONG,
    "invalid_cvc": FailureCode.CARD_DATA_WRONG,
    "invalid_expiry_month": FailureCode.CARD_DATA_WRONG,
    "invalid_expiry_year": FailureCode.CARD_DATA_WRONG,
    "payment_intent_authentication_failure": FailureCode.NOT_AUTHENTICATED,
    "authentication_required": FailureCode.NOT_AUTHENTICATED,
    "processing_error": FailureCode.PROVIDER_ERROR,
}


class StripeWebhookReader:
    def __init__(self, secret: str) -> None:
        if not secret.strip():
            raise SystemExit("CAMPUS_STRIPE_WEBHOOK_SECRET is empty: nothing could be believed")
        self._secret = secret

    def read(self, payload: bytes, signature: str, now: datetime) -> ProviderEvent:
        try:
            # Without a tolerance the library looks at the signature alone; with one it would believe the future.
            stripe.WebhookSignature.verify_header(payload, signature, self._secret)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            raise WebhookSignatureInvalid from None
        if abs(now - _signed_at(signature)) > TOLERANCE:
            raise WebhookSignatureExpired
        try:
            return _event(json.loads(payload))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise WebhookMalformed from None


def _signed_at(signature: str) -> datetime:
    """The time that the signature covers: the first one in the header, as the library takes it."""
    stamp = next(part[2:] for part in signature.split(",") if part.startswith("t="))
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise WebhookSignatureExpired from None


def _event(event: Any) -> ProviderEvent:
    subject = event["data"]["object"]
    kind = subject["object"]
    created = datetime.fromtimestamp(event["created"], UTC)
    intent = subject["id"] if kind == "payment_intent" else subject.get("payment_intent")
    return ProviderEvent(
        id=_text(event["id"]),
        type=_text(event["type"]),
        created_at=created,
        object_kind=_text(kind),
        object_id=_text(subject.get("id") or "none"),
        intent_id=intent if isinstance(intent, str) else "",
        failure=_failure(subject, created) if event["type"] == "payment_intent.payment_failed" else None,
    )


def _failure(intent: Any, occurred_at: datetime) -> FailedAttempt:
    """Which attempt it was: its charge or, where it didn't come to one, the means of payment that was tried."""
    error = intent.get("last_payment_error") or {}
    method = error.get("payment_method") or {}
    attempt_id = error.get("charge") or method.get("id") or intent["id"]
    code = next((_CODES[error[name]] for name in ("decline_code", "code") if error.get(name) in _CODES), None)
    return FailedAttempt(occurred_at, _text(attempt_id), code or FailureCode.DECLINED)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value or len(value) > 255:
        raise ValueError("no name or id")
    return value
