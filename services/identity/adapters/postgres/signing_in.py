"""Known devices and counted tries in PostgreSQL."""

from datetime import datetime

from sqlalchemy import case, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Work
from services.identity.domain.throttle import Limit
from services.identity.tables import attempts, devices


class PostgresDevices:
    def __init__(self, work: Work) -> None:
        self._work = work

    def belongs(self, token_hash: str, user_id: str) -> bool:
        found = exists().where(devices.c.token_hash == token_hash, devices.c.user_id == user_id)
        return bool(self._work.execute(select(found)).scalar())

    def remember(self, token_hash: str, user_id: str, now: datetime) -> None:
        row = insert(devices).values(token_hash=token_hash, user_id=user_id, last_used_at=now)
        seen_again = row.on_conflict_do_update(
            index_elements=[devices.c.token_hash], set_={"last_used_at": now}, where=devices.c.user_id == user_id
        )
        self._work.execute(seen_again)


class PostgresAttempts:
    def __init__(self, work: Work) -> None:
        self._work = work

    def count(self, limit: Limit, now: datetime) -> tuple[int, datetime]:
        over = attempts.c.ends_at <= now
        first = insert(attempts).values(key=limit.key, count=1, ends_at=now + limit.window)
        counted = first.on_conflict_do_update(
            index_elements=[attempts.c.key],
            set_={
                "count": case((over, 1), else_=attempts.c.count + 1),
                "ends_at": case((over, now + limit.window), else_=attempts.c.ends_at),
            },
        ).returning(attempts.c.count, attempts.c.ends_at)
        row = self._work.execute(counted).one()
        return row._mapping["count"], row.ends_at

    def uncount(self, limit: Limit) -> None:
        less = func.greatest(attempts.c.count - 1, 0)
        self._work.execute(update(attempts).where(attempts.c.key == limit.key).values(count=less))

    def clear(self, limit: Limit) -> None:
        self._work.execute(delete(attempts).where(attempts.c.key == limit.key))
