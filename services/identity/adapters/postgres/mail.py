"""Letters and the tokens of their links in PostgreSQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Work
from services.identity.domain.letter import LEASE, Letter, MailToken, Subject
from services.identity.tables import letters, mail_tokens


class PostgresMailTokens:
    def __init__(self, work: Work) -> None:
        self._work = work

    def issue(self, token: MailToken) -> None:
        fresh = {"token_hash": token.token_hash, "address": token.address, "issued_at": token.issued_at}
        row = insert(mail_tokens).values(user_id=token.user_id, subject=token.subject, **fresh)
        replacing = row.on_conflict_do_update(
            index_elements=[mail_tokens.c.user_id, mail_tokens.c.subject],
            set_={**fresh, "used_at": None},
            where=mail_tokens.c.issued_at < token.issued_at,
        )
        self._work.execute(replacing)

    def take(self, token_hash: str, subject: Subject, now: datetime) -> MailToken | None:
        unused = update(mail_tokens).where(
            mail_tokens.c.token_hash == token_hash, mail_tokens.c.subject == subject, mail_tokens.c.used_at.is_(None)
        )
        row = self._work.execute(unused.values(used_at=now).returning(mail_tokens)).first()
        if row is None:
            return None
        return MailToken(row.token_hash, row.user_id, Subject(row.subject), row.address, row.issued_at)


class PostgresLetters:
    def __init__(self, work: Work) -> None:
        self._work = work

    def add(self, letter: Letter) -> None:
        row = {column.name: getattr(letter, column.name) for column in letters.c}
        self._work.execute(insert(letters).values(row))

    def lease(self, now: datetime) -> Letter | None:
        due = select(letters.c.id).where(letters.c.due_at <= now).order_by(letters.c.due_at).limit(1)
        # The longer it fails, the longer it rests.
        rest = {"attempts": letters.c.attempts + 1, "due_at": now + LEASE * (letters.c.attempts + 1)}
        one = update(letters).where(letters.c.id == due.with_for_update(skip_locked=True).scalar_subquery())
        row = self._work.execute(one.values(rest).returning(letters)).first()
        return _letter(row) if row else None

    def remove(self, letter_id: str) -> None:
        self._work.execute(delete(letters).where(letters.c.id == letter_id))


def _letter(row: Row[Any]) -> Letter:
    return Letter(**(dict(row._mapping) | {"subject": Subject(row.subject)}))
