"""Preferences in PostgreSQL."""

from sqlalchemy import insert, select

from services.chassis.db import Work
from services.identity.adapters.postgres.announcing import announce
from services.identity.domain.preferences import Preferences
from services.identity.tables import preferences


class PostgresPreferences:
    def __init__(self, work: Work) -> None:
        self._work = work

    def of_user(self, user_id: str) -> Preferences:
        row = self._work.execute(select(preferences).where(preferences.c.id == user_id)).first()
        return Preferences(**row._mapping) if row else Preferences(id=user_id)

    def save(self, changed: Preferences) -> None:
        names = ("language", "time_zone", "email_notifications", "in_app_notifications")
        values = {name: getattr(changed, name) for name in names}
        if changed.version == 0:
            self._work.execute(insert(preferences).values(id=changed.id, version=1, **values))
        else:
            self._work.update_version(preferences, changed.id, changed.version, values)
        changed.version += 1
        announce(self._work, changed)
