"""What a user may use, and why."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import UUID

from services.billing import tables
from services.billing.domain.entitlement import Reason, decide
from services.kernel.clock import Clock
from services.kernel.errors import PageTokenInvalid
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class EntitlementRow:
    id: str
    user_id: str
    course_id: str
    source: str
    order_id: str | None
    not_before: datetime
    not_after: datetime | None
    granted_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class Access:
    """Whether someone may take a course now, by which entitlement, and when the answer changes by itself."""

    reason: Reason
    by: EntitlementRow | None
    until: datetime | None


_e = tables.entitlements.c
_ENTITLEMENT = select(
    _e.id,
    _e.user_id,
    _e.course_id,
    _e.source,
    _e.order_id,
    _e.not_before,
    _e.not_after,
    _e.granted_at,
    _e.revoked_at,
)
_MINE = _ENTITLEMENT.where(_e.user_id == bindparam("user_id"))
_OF_COURSE = _MINE.where(_e.course_id == bindparam("course_id")).order_by(_e.id)
_FIRST_PAGE = _MINE.order_by(_e.id.desc()).limit(bindparam("limit"))
_NEXT_PAGE = _FIRST_PAGE.where(_e.id < bindparam("after", type_=UUID(as_uuid=False)))


@dataclass(frozen=True)
class CheckAccess:
    user_id: str
    course_id: str


def check_access(query: CheckAccess, rows: Rows, clock: Clock) -> Access:
    held = rows.all(_OF_COURSE, EntitlementRow, {"user_id": query.user_id, "course_id": query.course_id})
    return Access(*decide(held, clock()))


@dataclass(frozen=True)
class CheckEntitlement:
    user_id: str
    course_id: str


def check_entitlement(query: CheckEntitlement, rows: Rows, clock: Clock) -> Access:
    return check_access(CheckAccess(query.user_id, query.course_id), rows, clock)


@dataclass(frozen=True)
class ListEntitlements:
    user_id: str
    page: PageRequest


def list_entitlements(query: ListEntitlements, rows: Rows) -> Page[EntitlementRow]:
    after = after_id(query.page)
    parameters = {"user_id": query.user_id, "limit": query.page.limit + 1} | ({"after": after} if after else {})
    found = rows.all(_NEXT_PAGE if after else _FIRST_PAGE, EntitlementRow, parameters)
    return page_of(found, query.page, lambda row: (row.id,))


def after_id(page: PageRequest) -> str | None:
    """Ids are made in the order of time, so the last one seen says where the next page starts."""
    key = page.after(1)
    if key is None:
        return None
    try:
        return str(uuid.UUID(key[0]))
    except ValueError:
        raise PageTokenInvalid(field="page_token") from None
