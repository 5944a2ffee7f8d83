"""Sessions and the hashes of their refresh tokens in PostgreSQL."""

from typing import Any

from sqlalchemy import Row, insert, select

from services.chassis.db import Work
from services.identity.adapters.postgres.announcing import announce
from services.identity.domain.session import Session
from services.identity.tables import refresh_tokens, sessions


class PostgresSessions:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, session_id: str) -> Session | None:
        row = self._work.execute(select(sessions).where(sessions.c.id == session_id)).first()
        return _session(row) if row else None

    def hold_living(self, user_id: str) -> list[Session]:
        living = select(sessions).where(sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
        # In one order, so that two who end sessions don't wait for each other.
        return [_session(row) for row in self._work.execute(living.order_by(sessions.c.id).with_for_update())]

    def by_refresh_hash(self, token_hash: str) -> tuple[Session, int] | None:
        found = select(sessions, refresh_tokens.c.generation.label("presented")).join(refresh_tokens)
        row = self._work.execute(found.where(refresh_tokens.c.token_hash == token_hash)).first()
        return (_session(row), row.presented) if row else None

    def add(self, session: Session, token_hash: str) -> None:
        session.version = 1
        row = {"id": session.id, "version": 1, "user_id": session.user_id, "started_at": session.started_at}
        self._work.execute(insert(sessions).values(row | {"device": session.device} | _session_values(session)))
        self._keep(session, token_hash)

    def save(self, session: Session, new_token_hash: str | None = None) -> None:
        self._work.update_version(sessions, session.id, session.version, _session_values(session))
        session.version += 1
        if new_token_hash is not None:
            self._keep(session, new_token_hash)
        announce(self._work, session)

    def _keep(self, session: Session, token_hash: str) -> None:
        row = {"token_hash": token_hash, "session_id": session.id, "generation": session.generation}
        self._work.execute(insert(refresh_tokens).values(row))


def _session_values(session: Session) -> dict[str, Any]:
    return {
        "generation": session.generation,
        "refreshed_at": session.refreshed_at,
        "revoked_at": session.revoked_at,
    }


def _session(row: Row[Any]) -> Session:
    return Session(**{column.name: row._mapping[column.name] for column in sessions.c})
