"""The store in memory, for tests; held to the same suite as the one in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.memory import MemoryRequests, MemoryTransactions
from services.identity.adapters.memory.accounts import MemorySessions, MemoryUsers
from services.identity.adapters.memory.administration import MemoryApplications, MemoryAuditLog
from services.identity.adapters.memory.api_keys import MemoryApiKeys
from services.identity.adapters.memory.linking import MemoryFlows, MemoryLinkedAccounts
from services.identity.adapters.memory.mail import MemoryLetters, MemoryMailTokens
from services.identity.adapters.memory.personal import MemoryErasures, MemoryPreferences
from services.identity.adapters.memory.second_factors import MemorySecondFactors
from services.identity.adapters.memory.signing_in import MemoryAttempts, MemoryDevices
from services.identity.adapters.memory.state import State


class MemoryStore(MemoryTransactions[State]):
    def __init__(self) -> None:
        super().__init__(State())

    @contextmanager
    def begin(self) -> Iterator["MemoryTx"]:
        with self.begin_state() as state:
            yield MemoryTx(state)


class MemoryTx:
    def __init__(self, state: State) -> None:
        self.users = MemoryUsers(state)
        self.sessions = MemorySessions(state)
        self.devices = MemoryDevices(state)
        self.attempts = MemoryAttempts(state)
        self.mail_tokens = MemoryMailTokens(state)
        self.letters = MemoryLetters(state)
        self.applications = MemoryApplications(state)
        self.preferences = MemoryPreferences(state)
        self.erasures = MemoryErasures(state)
        self.flows = MemoryFlows(state)
        self.linked = MemoryLinkedAccounts(state)
        self.second_factors = MemorySecondFactors(state)
        self.api_keys = MemoryApiKeys(state)
        self.audit = MemoryAuditLog(state)
        self.requests = MemoryRequests(state)
