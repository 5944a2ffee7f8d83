"""The store in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row, insert, or_, select
from sqlalchemy.dialects import postgresql

from services.chassis.db import Work, Writer
from services.chassis.driver import ConstraintBroken
from services.identity import wire
from services.identity.domain.errors import EmailTaken, UsernameTaken
from services.identity.domain.session import Session
from services.identity.domain.user import Role, User, folded
from services.identity.tables import refresh_tokens, sessions, users
from services.kernel.events import Aggregate
from services.kernel.requests import RequestLog


class PostgresStore:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @contextmanager
    def begin(self) -> Iterator["PostgresTx"]:
        with self._writer.begin() as work:
            yield PostgresTx(work)


class PostgresTx:
    def __init__(self, work: Work) -> None:
        self.users = PostgresUsers(work)
        self.sessions = PostgresSessions(work)
        self.requests: RequestLog = work.requests


class PostgresUsers:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, user_id: str) -> User | None:
        return _user(self._work.execute(select(users).where(users.c.id == user_id)).first())

    def by_identifier(self, identifier: str) -> User | None:
        wanted = folded(identifier)
        either = or_(users.c.email_folded == wanted, users.c.username_folded == wanted)
        return _user(self._work.execute(select(users).where(either)).first())

    def add(self, user: User) -> None:
        row = {**_values(user), "id": user.id, "version": 1, "email_folded": folded(user.email)}
        added = postgresql.insert(users).values(row | {"email": user.email, "created_at": user.created_at})
        if self._work.execute(added.on_conflict_do_nothing().returning(users.c.id)).first() is None:
            by_email = select(users.c.id).where(users.c.email_folded == folded(user.email))
            raise EmailTaken if self._work.execute(by_email).first() else UsernameTaken
        user.version = 1
        _announce(self._work, user)

    def save(self, user: User) -> None:
        try:
            self._work.update_version(users, user.id, user.version, _values(user))
        except ConstraintBroken:
            raise UsernameTaken(field="username") from None
        user.version += 1
        _announce(self._work, user)


class PostgresSessions:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, session_id: str) -> Session | None:
        row = self._work.execute(select(sessions).where(sessions.c.id == session_id)).first()
        return _session(row) if row else None

    def by_refresh_hash(self, token_hash: str) -> tuple[Session, int] | None:
        found = select(sessions, refresh_tokens.c.generation.label("presented")).join(refresh_tokens)
        row = self._work.execute(found.where(refresh_tokens.c.token_hash == token_hash)).first()
        return (_session(row), row.presented) if row else None

    def add(self, session: Session, token_hash: str) -> None:
        session.version = 1
        row = {"id": session.id, "version": 1, "user_id": session.user_id, "started_at": session.started_at}
        self._work.execute(insert(sessions).values(row | _session_values(session)))
        self._keep(session, token_hash)

    def save(self, session: Session, new_token_hash: str | None = None) -> None:
        self._work.update_version(sessions, session.id, session.version, _session_values(session))
        session.version += 1
        if new_token_hash is not None:
            self._keep(session, new_token_hash)
        _announce(self._work, session)

    def _keep(self, session: Session, token_hash: str) -> None:
        row = {"token_hash": token_hash, "session_id": session.id, "generation": session.generation}
        self._work.execute(insert(refresh_tokens).values(row))


def _announce(work: Work, aggregate: Aggregate) -> None:
    for event in aggregate.take_events():
        work.announce(wire.announced(event), aggregate.id, aggregate.version)


def _values(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "username_folded": folded(user.username) or None,
        "name": user.name,
        "password_hash": user.password_hash,
        "roles": sorted(user.roles),
        "updated_at": user.updated_at,
    }


def _session_values(session: Session) -> dict[str, Any]:
    return {
        "generation": session.generation,
        "refreshed_at": session.refreshed_at,
        "revoked_at": session.revoked_at,
    }


def _user(row: Row[Any] | None) -> User | None:
    if row is None:
        return None
    kept = {name: value for name, value in row._mapping.items() if not name.endswith("_folded")}
    return User(**(kept | {"roles": frozenset(map(Role, row.roles))}))


def _session(row: Row[Any]) -> Session:
    return Session(**{column.name: row._mapping[column.name] for column in sessions.c})
