"""The store in memory, for tests; held to the same suite as the one in PostgreSQL."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.chassis.memory import MemoryRequests, MemoryState, MemoryTransactions
from services.identity.domain.errors import EmailTaken, UsernameTaken
from services.identity.domain.session import Session
from services.identity.domain.user import User, folded
from services.kernel.errors import StaleVersion


@dataclass
class State(MemoryState):
    users: dict[str, User] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, tuple[str, int]] = field(default_factory=dict)


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
        self.requests = MemoryRequests(state)


class MemoryUsers:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, user_id: str) -> User | None:
        return copy.deepcopy(self._state.users.get(user_id))

    def by_identifier(self, identifier: str) -> User | None:
        wanted = folded(identifier)
        matching = (u for u in self._state.users.values() if wanted in (folded(u.email), folded(u.username)))
        return copy.deepcopy(next(matching, None))

    def add(self, user: User) -> None:
        if any(folded(other.email) == folded(user.email) for other in self._state.users.values()):
            raise EmailTaken
        self._refuse_taken(user)
        self._keep(user)

    def save(self, user: User) -> None:
        if self._state.users[user.id].version != user.version:
            raise StaleVersion
        self._refuse_taken(user)
        self._keep(user)

    def _refuse_taken(self, user: User) -> None:
        others = (other for other in self._state.users.values() if other.id != user.id and user.username)
        if any(folded(other.username) == folded(user.username) for other in others):
            raise UsernameTaken(field="username")

    def _keep(self, user: User) -> None:
        user.version += 1
        self._state.announced += user.take_events()
        self._state.users[user.id] = copy.deepcopy(user)


class MemorySessions:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, session_id: str) -> Session | None:
        return copy.deepcopy(self._state.sessions.get(session_id))

    def by_refresh_hash(self, token_hash: str) -> tuple[Session, int] | None:
        if token_hash not in self._state.tokens:
            return None
        session_id, generation = self._state.tokens[token_hash]
        return copy.deepcopy(self._state.sessions[session_id]), generation

    def add(self, session: Session, token_hash: str) -> None:
        self._keep(session, token_hash)

    def save(self, session: Session, new_token_hash: str | None = None) -> None:
        if self._state.sessions[session.id].version != session.version:
            raise StaleVersion
        self._keep(session, new_token_hash)

    def _keep(self, session: Session, token_hash: str | None) -> None:
        session.version += 1
        self._state.announced += session.take_events()
        self._state.sessions[session.id] = copy.deepcopy(session)
        if token_hash is not None:
            self._state.tokens[token_hash] = (session.id, session.generation)
