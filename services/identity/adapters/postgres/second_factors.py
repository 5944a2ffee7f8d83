"""Second factors in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Work
from services.identity.domain.second_factor import Totp
from services.identity.tables import recovery_codes, totps


class PostgresSecondFactors:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, user_id: str) -> Totp | None:
        row = self._work.execute(select(totps).where(totps.c.user_id == user_id)).first()
        return Totp(**row._mapping) if row else None

    def begin(self, totp: Totp) -> None:
        fresh = insert(totps).values(vars(totp))
        unconfirmed = fresh.on_conflict_do_update(
            index_elements=[totps.c.user_id], set_={"sealed": totp.sealed}, where=totps.c.confirmed_at.is_(None)
        )
        self._work.execute(unconfirmed)

    def confirm(self, user_id: str, code_hashes: Sequence[str], now: datetime) -> None:
        self._work.execute(update(totps).where(totps.c.user_id == user_id).values(confirmed_at=now))
        self._work.execute(
            plain_insert(recovery_codes), [{"user_id": user_id, "code_hash": each} for each in code_hashes]
        )

    def use_step(self, user_id: str, step: int) -> bool:
        newer = update(totps).where(totps.c.user_id == user_id, totps.c.last_step < step)
        return bool(self._work.execute(newer.values(last_step=step)).rowcount)

    def use_recovery_code(self, user_id: str, code_hash: str) -> bool:
        used = delete(recovery_codes).where(
            recovery_codes.c.user_id == user_id, recovery_codes.c.code_hash == code_hash
        )
        return bool(self._work.execute(used).rowcount)

    def remove(self, user_id: str) -> None:
        self._work.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
        self._work.execute(delete(totps).where(totps.c.user_id == user_id))
