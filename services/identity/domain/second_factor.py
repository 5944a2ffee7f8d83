"""An application that shows codes, and the recovery codes for when it is lost."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.errors import SecondFactorEnabled, SecondFactorNotStarted

RECOVERY_CODES = 10


@dataclass(frozen=True)
class Totp:
    """`sealed` holds the secret, encrypted. A code belongs to a step of 30 seconds; `last_step` is the newest one whose
    code was used, and no code of it or before it is good any more."""

    user_id: str
    sealed: str
    confirmed_at: datetime | None = None
    last_step: int = 0


def confirmed(totp: Totp | None) -> Totp | None:
    return totp if totp is not None and totp.confirmed_at is not None else None


def refuse_enabled(totp: Totp | None) -> None:
    if confirmed(totp):
        raise SecondFactorEnabled


def begun(totp: Totp | None) -> Totp:
    if totp is None:
        raise SecondFactorNotStarted
    return totp


def new_recovery_codes() -> list[str]:
    """80 random bits each, in letters that can be read off paper."""
    return [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
