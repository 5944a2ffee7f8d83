"""Preferences and the end of accounts in memory."""

import copy
from datetime import datetime

from services.identity.adapters.memory.state import State
from services.identity.domain.erasure import Erasure
from services.identity.domain.preferences import Preferences


class MemoryPreferences:
    def __init__(self, state: State) -> None:
        self._state = state

    def of_user(self, user_id: str) -> Preferences:
        return copy.deepcopy(self._state.preferences.get(user_id)) or Preferences(id=user_id)

    def save(self, changed: Preferences) -> None:
        changed.version += 1
        self._state.announced += changed.take_events()
        self._state.preferences[changed.id] = copy.deepcopy(changed)


class MemoryErasures:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, erasure_id: str) -> Erasure | None:
        return copy.deepcopy(self._state.erasures.get(erasure_id))

    def add(self, erasure: Erasure) -> None:
        self._state.announced += erasure.take_events()
        self._state.erasures[erasure.id] = copy.deepcopy(erasure)

    def confirm(self, erasure_id: str, service: str, now: datetime) -> None:
        self._state.erasures[erasure_id].receipts.setdefault(service, now)

    def forget(self, user_id: str) -> None:
        state = self._state
        state.devices = {token: whose for token, whose in state.devices.items() if whose != user_id}
        state.mail_tokens = {key: token for key, token in state.mail_tokens.items() if token.user_id != user_id}
        state.applications = {key: each for key, each in state.applications.items() if each.user_id != user_id}
        state.linked = {key: each for key, each in state.linked.items() if each.user_id != user_id}
        state.api_keys = {key: each for key, each in state.api_keys.items() if each.user_id != user_id}
        state.totps.pop(user_id, None)
        state.recovery_codes.pop(user_id, None)
        state.preferences.pop(user_id, None)
