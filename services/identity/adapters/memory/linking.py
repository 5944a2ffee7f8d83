"""Sign-ins under way at other parties, and the links they lead to, in memory."""

from services.identity.adapters.memory.state import State
from services.identity.domain.errors import AccountLinked
from services.identity.domain.linking import Flow, LinkedAccount


class MemoryFlows:
    def __init__(self, state: State) -> None:
        self._flows = state.flows

    def add(self, flow: Flow) -> None:
        self._flows[flow.state_hash] = flow

    def take(self, state_hash: str) -> Flow | None:
        return self._flows.pop(state_hash, None)


class MemoryLinkedAccounts:
    def __init__(self, state: State) -> None:
        self._linked = state.linked

    def by_subject(self, provider: str, subject: str) -> LinkedAccount | None:
        known = (each for each in self._linked.values() if (each.provider, each.subject) == (provider, subject))
        return next(known, None)

    def of_user(self, user_id: str) -> list[LinkedAccount]:
        return sorted((each for each in self._linked.values() if each.user_id == user_id), key=lambda each: each.id)

    def add(self, account: LinkedAccount) -> None:
        at_provider = (each.provider == account.provider for each in self.of_user(account.user_id))
        if any(at_provider) or self.by_subject(account.provider, account.subject):
            raise AccountLinked
        self._linked[account.id] = account

    def keep_tokens(self, account: LinkedAccount) -> None:
        self._linked[account.id] = account

    def remove(self, account_id: str) -> None:
        self._linked.pop(account_id, None)
