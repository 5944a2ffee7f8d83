"""Second factors in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.identity.adapters.memory.state import State
from services.identity.domain.second_factor import Totp


class MemorySecondFactors:
    def __init__(self, state: State) -> None:
        self._totps, self._codes = state.totps, state.recovery_codes

    def get(self, user_id: str) -> Totp | None:
        return self._totps.get(user_id)

    def begin(self, totp: Totp) -> None:
        known = self._totps.get(totp.user_id)
        if known is None or known.confirmed_at is None:
            self._totps[totp.user_id] = totp

    def confirm(self, user_id: str, code_hashes: Sequence[str], now: datetime) -> None:
        self._totps[user_id] = replace(self._totps[user_id], confirmed_at=now)
        self._codes[user_id] = set(code_hashes)

    def use_step(self, user_id: str, step: int) -> bool:
        totp = self._totps.get(user_id)
        if totp is None or totp.last_step >= step:
            return False
        self._totps[user_id] = replace(totp, last_step=step)
        return True

    def use_recovery_code(self, user_id: str, code_hash: str) -> bool:
        codes = self._codes.get(user_id, set())
        known = code_hash in codes
        codes.discard(code_hash)
        return known

    def remove(self, user_id: str) -> None:
        self._totps.pop(user_id, None)
        self._codes.pop(user_id, None)
