"""The end of accounts in PostgreSQL."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Work
from services.identity.adapters.postgres.announcing import announce
from services.identity.domain.erasure import Erasure
from services.identity.tables import (
    api_keys,
    applications,
    devices,
    erasure_receipts,
    erasures,
    mail_tokens,
    preferences,
    recovery_codes,
    totps,
    user_accounts,
)


class PostgresErasures:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, erasure_id: str) -> Erasure | None:
        row = self._work.execute(select(erasures).where(erasures.c.id == erasure_id)).first()
        if row is None:
            return None
        found = select(erasure_receipts).where(erasure_receipts.c.erasure_id == erasure_id)
        receipts = {each.service: each.received_at for each in self._work.execute(found)}
        return Erasure(id=row.id, user_id=row.user_id, requested_at=row.requested_at, receipts=receipts)

    def add(self, erasure: Erasure) -> None:
        values = {"id": erasure.id, "user_id": erasure.user_id, "requested_at": erasure.requested_at}
        self._work.execute(plain_insert(erasures).values(values))
        for service, moment in erasure.receipts.items():
            self.confirm(erasure.id, service, moment)
        announce(self._work, erasure)

    def confirm(self, erasure_id: str, service: str, now: datetime) -> None:
        receipt = insert(erasure_receipts).values(erasure_id=erasure_id, service=service, received_at=now)
        self._work.execute(receipt.on_conflict_do_nothing())

    def forget(self, user_id: str) -> None:
        for table, column in (
            (devices, devices.c.user_id),
            (mail_tokens, mail_tokens.c.user_id),
            (preferences, preferences.c.id),
            (applications, applications.c.user_id),
            (user_accounts, user_accounts.c.user_id),
            (recovery_codes, recovery_codes.c.user_id),
            (totps, totps.c.user_id),
            (api_keys, api_keys.c.user_id),
        ):
            self._work.execute(delete(table).where(column == user_id))
