"""Where a user is signed in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import UUID

from services.identity.domain.session import ABSOLUTE_LIFETIME, IDLE_LIFETIME
from services.identity.queries.keys import id_after
from services.identity.tables import sessions
from services.kernel.clock import Clock
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: str
    device: str
    started_at: datetime
    refreshed_at: datetime


_s = sessions.c
_LIVING = (
    select(_s.id, _s.device, _s.started_at, _s.refreshed_at)
    .where(
        _s.user_id == bindparam("user_id"),
        _s.revoked_at.is_(None),
        _s.refreshed_at > bindparam("refreshed_since"),
        _s.started_at > bindparam("started_since"),
        # The last id there can be starts the first page.
        _s.id < bindparam("after", type_=UUID(as_uuid=False)),
    )
    .order_by(_s.id.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class ListSessions:
    user_id: str
    page: PageRequest


def list_sessions(query: ListSessions, rows: Rows, clock: Clock) -> Page[SessionRow]:
    now = clock()
    parameters = {
        "user_id": query.user_id,
        "refreshed_since": now - IDLE_LIFETIME,
        "started_since": now - ABSOLUTE_LIFETIME,
        "after": id_after(query.page),
        "limit": query.page.limit + 1,
    }
    return page_of(rows.all(_LIVING, SessionRow, parameters), query.page, lambda row: [row.id])
