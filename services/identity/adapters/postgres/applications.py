"""Instructor applications in PostgreSQL."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Work
from services.identity.adapters.postgres.announcing import announce
from services.identity.domain.application import Evidence, InstructorApplication, State
from services.identity.domain.errors import ApplicationPending
from services.identity.tables import applications


class PostgresApplications:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, application_id: str) -> InstructorApplication | None:
        return self._one(applications.c.id == application_id)

    def of_user(self, user_id: str) -> InstructorApplication | None:
        return self._one(applications.c.user_id == user_id)

    def add(self, application: InstructorApplication) -> None:
        row = _values(application) | {"id": application.id, "user_id": application.user_id, "version": 1}
        added = insert(applications).values(row).on_conflict_do_nothing().returning(applications.c.id)
        if self._work.execute(added).first() is None:
            raise ApplicationPending
        application.version = 1
        announce(self._work, application)

    def save(self, application: InstructorApplication) -> None:
        self._work.update_version(applications, application.id, application.version, _values(application))
        application.version += 1
        announce(self._work, application)

    def _one(self, which: ColumnElement[bool]) -> InstructorApplication | None:
        row = self._work.execute(select(applications).where(which)).first()
        if row is None:
            return None
        parsed = {"state": State(row.state), "evidence": tuple(Evidence(**each) for each in row.evidence)}
        return InstructorApplication(**(dict(row._mapping) | parsed))


def _values(application: InstructorApplication) -> dict[str, Any]:
    return {
        "state": application.state,
        "motivation": application.motivation,
        "evidence": [asdict(each) for each in application.evidence],
        "rejection_comment": application.rejection_comment,
        "submitted_at": application.submitted_at,
        "decided_at": application.decided_at,
    }
