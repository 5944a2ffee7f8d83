"""API keys in memory."""

import copy

from services.identity.adapters.memory.state import State
from services.identity.domain.api_key import ApiKey


class MemoryApiKeys:
    def __init__(self, state: State) -> None:
        self._state = state

    def hold(self, api_key_id: str) -> ApiKey | None:
        return copy.deepcopy(self._state.api_keys.get(api_key_id))

    def by_hash(self, key_hash: str) -> ApiKey | None:
        return self.hold(self._state.api_key_hashes.get(key_hash, ""))

    def hold_living(self, user_id: str) -> list[ApiKey]:
        living = [each for each in self._state.api_keys.values() if each.user_id == user_id and not each.revoked_at]
        return copy.deepcopy(sorted(living, key=lambda each: each.id))

    def add(self, api_key: ApiKey, key_hash: str) -> None:
        self._state.api_key_hashes[key_hash] = api_key.id
        self.save(api_key)

    def save(self, api_key: ApiKey) -> None:
        api_key.version += 1
        self._state.announced += api_key.take_events()
        self._state.api_keys[api_key.id] = copy.deepcopy(api_key)
