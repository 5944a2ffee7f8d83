"""The store in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Work, Writer
from services.learning.adapters.enrollments import PostgresEnrollments
from services.learning.adapters.recording import PostgresProgress
from services.learning.tables import revoked_entitlements

_REVOKED = select(revoked_entitlements.c.revoked_at).where(
    revoked_entitlements.c.entitlement_id == bindparam("entitlement_id")
)


class PostgresStore:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @contextmanager
    def begin(self) -> Iterator["PostgresTx"]:
        with self._writer.begin() as work:
            yield PostgresTx(work)


class PostgresTx:
    def __init__(self, work: Work) -> None:
        self.enrollments = PostgresEnrollments(work)
        self.revocations = PostgresRevocations(work)
        self.progress = PostgresProgress(work, self.enrollments)


class PostgresRevocations:
    def __init__(self, work: Work) -> None:
        self._work = work

    def add(self, entitlement_id: str, now: datetime) -> None:
        new = insert(revoked_entitlements).values(entitlement_id=entitlement_id, revoked_at=now)
        self._work.execute(new.on_conflict_do_nothing())

    def __contains__(self, entitlement_id: object) -> bool:
        return self._work.execute(_REVOKED, {"entitlement_id": entitlement_id}).first() is not None
