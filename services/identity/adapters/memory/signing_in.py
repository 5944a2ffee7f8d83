"""Known devices and counted tries in memory."""

from datetime import datetime

from services.identity.adapters.memory.state import State
from services.identity.domain.throttle import Limit


class MemoryDevices:
    def __init__(self, state: State) -> None:
        self._devices = state.devices

    def belongs(self, token_hash: str, user_id: str) -> bool:
        return self._devices.get(token_hash) == user_id

    def remember(self, token_hash: str, user_id: str, now: datetime) -> None:
        self._devices.setdefault(token_hash, user_id)


class MemoryAttempts:
    def __init__(self, state: State) -> None:
        self._attempts = state.attempts

    def count(self, limit: Limit, now: datetime) -> tuple[int, datetime]:
        count, until = self._attempts.get(limit.key, (0, now))
        counted = (count + 1, until) if until > now else (1, now + limit.window)
        self._attempts[limit.key] = counted
        return counted

    def uncount(self, limit: Limit) -> None:
        if limit.key in self._attempts:
            count, until = self._attempts[limit.key]
            self._attempts[limit.key] = (max(0, count - 1), until)

    def clear(self, limit: Limit) -> None:
        self._attempts.pop(limit.key, None)
