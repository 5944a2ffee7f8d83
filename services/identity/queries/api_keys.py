"""A user's API keys."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from services.identity.tables import api_keys
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None


_k = api_keys.c
_OF_USER = (
    select(_k.id, _k.name, _k.scopes, _k.created_at, _k.last_used_at)
    .where(_k.user_id == bindparam("user_id"), _k.revoked_at.is_(None))
    .order_by(_k.id.desc())
)


@dataclass(frozen=True)
class ListApiKeys:
    user_id: str


def list_api_keys(query: ListApiKeys, rows: Rows) -> list[ApiKeyRow]:
    return rows.all(_OF_USER, ApiKeyRow, {"user_id": query.user_id})
