"""Codes of six digits by time (TOTP, RFC 6238)."""

import hmac
from datetime import datetime

import pyotp

from services.identity.ports import Sealer

ISSUER = "Campus"
STEP_SECONDS = 30


class TotpCodes:
    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def new_secret(self) -> tuple[str, str]:
        secret = pyotp.random_base32()
        return secret, self._sealer.seal(secret)

    def uri(self, secret: str, account: str) -> str:
        return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)

    def step_of(self, sealed: str, code: str, now: datetime) -> int | None:
        application = pyotp.TOTP(self._sealer.open(sealed), interval=STEP_SECONDS)
        step = int(now.timestamp()) // STEP_SECONDS
        # One step back, for those who type slowly and for clocks that differ.
        matching = [each for each in (step, step - 1) if hmac.compare_digest(application.generate_otp(each), code)]
        return matching[0] if matching else None
