"""Sign-ins under way at other parties, and the links they lead to, in PostgreSQL."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Work
from services.identity.domain.errors import AccountLinked
from services.identity.domain.linking import FLOW_LIFETIME, Flow, LinkedAccount
from services.identity.tables import oauth_flows, user_accounts

_KEPT = FLOW_LIFETIME + timedelta(minutes=1)


class PostgresFlows:
    def __init__(self, work: Work) -> None:
        self._work = work

    def add(self, flow: Flow) -> None:
        # Those that nobody ended go with the next one that begins.
        self._work.execute(delete(oauth_flows).where(oauth_flows.c.begun_at < flow.begun_at - _KEPT))
        self._work.execute(plain_insert(oauth_flows).values(vars(flow)))

    def take(self, state_hash: str) -> Flow | None:
        taken = delete(oauth_flows).where(oauth_flows.c.state_hash == state_hash).returning(oauth_flows)
        row = self._work.execute(taken).first()
        return Flow(**row._mapping) if row else None


class PostgresLinkedAccounts:
    def __init__(self, work: Work) -> None:
        self._work = work

    def by_subject(self, provider: str, subject: str) -> LinkedAccount | None:
        found = select(user_accounts).where(user_accounts.c.provider == provider, user_accounts.c.subject == subject)
        row = self._work.execute(found).first()
        return _account(row) if row else None

    def of_user(self, user_id: str) -> list[LinkedAccount]:
        found = select(user_accounts).where(user_accounts.c.user_id == user_id).order_by(user_accounts.c.id)
        return [_account(row) for row in self._work.execute(found)]

    def add(self, account: LinkedAccount) -> None:
        added = insert(user_accounts).values(vars(account)).on_conflict_do_nothing().returning(user_accounts.c.id)
        if self._work.execute(added).first() is None:
            raise AccountLinked

    def keep_tokens(self, account: LinkedAccount) -> None:
        tokens = {"access_token": account.access_token, "refresh_token": account.refresh_token}
        self._work.execute(update(user_accounts).where(user_accounts.c.id == account.id).values(tokens))

    def remove(self, account_id: str) -> None:
        self._work.execute(delete(user_accounts).where(user_accounts.c.id == account_id))


def _account(row: Row[Any]) -> LinkedAccount:
    return LinkedAccount(**row._mapping)
