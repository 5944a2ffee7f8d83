"""Accounts as admins see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Text, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import UUID

from services.identity.domain.errors import UserNotFound
from services.identity.queries.keys import id_after
from services.identity.tables import users
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class AccountRow:
    """All that a UserRow has, and whether the account is blocked."""

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
    blocked_at: datetime | None


_u = users.c
_ACCOUNT = select(
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
    _u.blocked_at,
)
_BY_ID = _ACCOUNT.where(_u.id == bindparam("user_id"))
_TEXT = func.lower(bindparam("text", type_=Text))
_MATCHING = (
    _ACCOUNT.where(
        or_(
            bindparam("text", type_=Text) == "",
            # No pattern: what admins type is meant as it stands.
            *(func.strpos(func.lower(column), _TEXT) > 0 for column in (_u.email, _u.username, _u.phone, _u.name)),
        ),
        or_(bindparam("role", type_=Text) == "", bindparam("role", type_=Text) == _u.roles.any_()),
        or_(~bindparam("blocked_only", type_=Boolean), _u.blocked_at.is_not(None)),
        _u.id < bindparam("after", type_=UUID(as_uuid=False)),
    )
    .order_by(_u.id.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class ListUsers:
    text: str
    role: str
    blocked_only: bool
    page: PageRequest


def list_users(query: ListUsers, rows: Rows) -> Page[AccountRow]:
    parameters = {
        "text": query.text,
        "role": query.role,
        "blocked_only": query.blocked_only,
        "after": id_after(query.page),
        "limit": query.page.limit + 1,
    }
    return page_of(rows.all(_MATCHING, AccountRow, parameters), query.page, lambda row: [row.id])


@dataclass(frozen=True)
class GetUser:
    user_id: str


def get_user(query: GetUser, rows: Rows) -> AccountRow:
    found = rows.one(_BY_ID, AccountRow, {"user_id": query.user_id})
    if found is None:
        raise UserNotFound
    return found
