"""The test cards: what each number, `pm_card_...` and `tok_...` stands for, and what its bank answers."""

from dataclasses import dataclass

_DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    """A refusal in the words of the API."""

    code: str
    decline_code: str
    message: str


@dataclass(frozen=True)
class Card:
    """A card as the stand-in knows it: by its number, and by the suffix of its ready-made test names."""

    number: str
    name: str
    brand: str = "visa"
    funding: str = "credit"
    decline: Decline | None = None
    attach_only: bool = False
    authenticate: bool = False
    available_at_once: bool = False
    refund_fails: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(decline_code: str, message: str = _DECLINED) -> Decline:
    return Decline("card_declined", decline_code, message)


GENERIC = _declined("generic_decline")
FUNDS = _declined("insufficient_funds", "Your card has insufficient funds.")
LIVE_CARD = _declined(
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
)
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_NUMBER = Decline("incorrect_number", "incorrect_number", "Your card number is incorrect.")
NEEDS_AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

CARDS = (
    Card("4242424242424242", "visa"),
    Card("4000056655665556", "visa_debit", funding="debit"),
    Card("5555555555554444", "mastercard", brand="mastercard"),
    Card("378282246310005", "amex", brand="amex"),
    Card("4000000000000077", "bypassPending", available_at_once=True),
    Card("4000000000000002", "visa_chargeDeclined", decline=GENERIC),
    Card("4000000000009995", "visa_chargeDeclinedInsufficientFunds", decline=FUNDS),
    Card("4000000000009987", "visa_chargeDeclinedLostCard", decline=_declined("lost_card")),
    Card("4000000000009979", "visa_chargeDeclinedStolenCard", decline=_declined("stolen_card")),
    Card("4000000000000069", "chargeDeclinedExpiredCard", decline=EXPIRED),
    Card(
        "4000000000000127",
        "chargeDeclinedIncorrectCvc",
        decline=Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
    ),
    Card(
        "4000000000000119",
        "chargeDeclinedProcessingError",
        decline=Decline(
            "processing_error",
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    Card("4000000000000341", "chargeCustomerFail", decline=GENERIC, attach_only=True),
    Card("4000002500003155", "authenticationRequiredOnSetup", authenticate=True),
    Card("4000002760003184", "authenticationRequired", authenticate=True),
    Card("4000008260003178", "authenticationRequiredChargeDeclinedInsufficientFunds", decline=FUNDS, authenticate=True),
    Card("4000000000005126", "refundFail", refund_fails=True),
)

_BY_NUMBER = {card.number: card for card in CARDS}
_BY_NAME = {card.name: card for card in CARDS}
# The same cards under the shorter names that the documentation gives some of them as well.
_SHORT = {name: f"visa_{name}" for name in ("chargeDeclined", "chargeDeclinedInsufficientFunds")}


def by_number(number: str) -> Card | None:
    return _BY_NUMBER.get(number)


def by_test_name(name: str) -> Card | None:
    """The card of `pm_card_visa`, `tok_visa` and their like."""
    for prefix in ("pm_card_", "tok_"):
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            return _BY_NAME.get(_SHORT.get(rest, rest))
    return None


def by_last4(last4: str) -> Card:
    """The card behind a stored payment method; the last four digits of test cards differ."""
    return next(card for card in CARDS if card.last4 == last4)


def checks_out(number: str) -> bool:
    """Luhn's check digit."""
    if not number.isascii() or not number.isdigit() or not 12 <= len(number) <= 19:
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
