"""Accounts and sessions in memory."""

import copy

from services.identity.adapters.memory.state import State
from services.identity.domain.errors import EmailTaken, PhoneTaken, UsernameTaken
from services.identity.domain.session import Session
from services.identity.domain.user import User, folded
from services.kernel.errors import StaleVersion


class MemoryUsers:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, user_id: str) -> User | None:
        return copy.deepcopy(self._state.users.get(user_id))

    def hold(self, user_id: str) -> User | None:
        return self.get(user_id)

    def by_identifier(self, identifier: str) -> User | None:
        wanted = folded(identifier)
        known = (u for u in self._state.users.values() if wanted in map(folded, (u.email, u.username, u.phone)))
        return copy.deepcopy(next(known, None)) if wanted else None

    def add(self, user: User) -> None:
        if user.email and any(folded(other.email) == folded(user.email) for other in self._state.users.values()):
            raise EmailTaken
        self._refuse_taken(user)
        self._keep(user)

    def save(self, user: User) -> None:
        if self._state.users[user.id].version != user.version:
            raise StaleVersion
        self._refuse_taken(user)
        self._keep(user)

    def _refuse_taken(self, user: User) -> None:
        others = [other for other in self._state.users.values() if other.id != user.id]
        if user.phone and any(other.phone == user.phone for other in others):
            raise PhoneTaken(field="phone")
        if user.username and any(folded(other.username) == folded(user.username) for other in others):
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

    def hold_living(self, user_id: str) -> list[Session]:
        living = [each for each in self._state.sessions.values() if each.user_id == user_id and not each.revoked_at]
        return copy.deepcopy(sorted(living, key=lambda each: each.id))

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
