"""How many wrong passwords are borne, by whom, before passwords are not looked at any more."""

from dataclasses import dataclass
from datetime import timedelta

from services.identity.domain.secret import secret_hash

WINDOW = timedelta(minutes=15)
# An account has up to three identifiers: 18 guesses in a window at most, however many addresses they come from.
IDENTIFIER_LIMIT = 6
# Counted apart from everyone else's, so that strangers can't lock out whoever signed in on this device before.
DEVICE_LIMIT = 6
# Whole schools share one address, but good sign-ins don't count.
ADDRESS_LIMIT = 100
# Codes have six digits.
CODE_LIMIT = 5
MAIL_WINDOW = timedelta(hours=1)
MAIL_LIMIT = 5


@dataclass(frozen=True)
class Limit:
    """How often the thing behind `key` may be tried in a window. Keys are hashes: they tell nobody's address."""

    key: str
    most: int
    window: timedelta = WINDOW


def login_limits(identifier: str, known_device: str, address: str) -> list[Limit]:
    """The limits that a sign-in meets; `known_device` is the hash of a device that belongs to this very account."""
    whose = (
        Limit(f"device:{known_device}", DEVICE_LIMIT)
        if known_device
        else Limit(f"identifier:{secret_hash(identifier)}", IDENTIFIER_LIMIT)
    )
    return [whose, Limit(f"address:{secret_hash(address)}", ADDRESS_LIMIT)] if address else [whose]


def password_limit(user_id: str) -> Limit:
    """Bounds guesses of the password by someone who holds a session."""
    return Limit(f"password:{user_id}", IDENTIFIER_LIMIT)


def code_limit(user_id: str) -> Limit:
    """Bounds guesses of codes by someone who knows the password: apart, because a right password forgets its own."""
    return Limit(f"code:{user_id}", CODE_LIMIT)


def mail_limit(purpose: str, address: str) -> Limit:
    return Limit(f"mail:{purpose}:{secret_hash(address)}", MAIL_LIMIT, MAIL_WINDOW)
