"""The accounts at other parties that sign a user in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from services.identity.tables import user_accounts
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class LinkedAccountRow:
    id: str
    provider: str
    linked_at: datetime


_a = user_accounts.c
_OF_USER = select(_a.id, _a.provider, _a.linked_at).where(_a.user_id == bindparam("user_id")).order_by(_a.provider)


@dataclass(frozen=True)
class ListLinkedAccounts:
    user_id: str


def list_linked_accounts(query: ListLinkedAccounts, rows: Rows) -> list[LinkedAccountRow]:
    return rows.all(_OF_USER, LinkedAccountRow, {"user_id": query.user_id})
