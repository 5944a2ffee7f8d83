"""The audit log in PostgreSQL."""

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql

from services.chassis.db import Work
from services.identity.domain.audit import FIRST_HASH, Deed, chained
from services.identity.tables import audit_head, audit_log


class PostgresAuditLog:
    def __init__(self, work: Work) -> None:
        self._work = work

    def append(self, deed: Deed) -> None:
        beginning = postgresql.insert(audit_head).values(id=1, number=0, hash=FIRST_HASH)
        self._work.execute(beginning.on_conflict_do_nothing())
        # Held until the commit: deeds wait for each other, and the chain has no gap and no fork.
        head = self._work.execute(select(audit_head).with_for_update()).one()
        number = head.number + 1
        row = {"number": number, "hash": chained(head.hash, number, deed)}
        self._work.execute(insert(audit_log).values(row | vars(deed)))
        self._work.execute(update(audit_head).values(row))
