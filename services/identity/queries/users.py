"""Users as others may see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.identity import tables
from services.identity.domain.errors import UserNotFound
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as others may see them: without the password hash."""

    id: str
    version: int
    email: str
    username: str
    name: str
    roles: list[str]
    created_at: datetime
    updated_at: datetime
    phone: str
    email_verified_at: datetime | None


_u = tables.users.c
_USER = select(
    _u.id,
    _u.version,
    _u.email,
    _u.username,
    _u.name,
    _u.roles,
    _u.created_at,
    _u.updated_at,
    _u.phone,
    _u.email_verified_at,
)
_BY_ID = _USER.where(_u.id == bindparam("user_id"))
_BY_IDS = _USER.where(_u.id == bindparam("user_ids", type_=ARRAY(UUID(as_uuid=False))).any_())


@dataclass(frozen=True)
class GetProfile:
    user_id: str


def get_profile(query: GetProfile, rows: Rows) -> UserRow:
    found = rows.one(_BY_ID, UserRow, {"user_id": query.user_id})
    if found is None:
        raise UserNotFound
    return found


@dataclass(frozen=True)
class BatchGetUsers:
    user_ids: tuple[str, ...]


def batch_get_users(query: BatchGetUsers, rows: Rows) -> list[UserRow]:
    return rows.all(_BY_IDS, UserRow, {"user_ids": list(query.user_ids)})
