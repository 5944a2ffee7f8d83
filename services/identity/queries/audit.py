"""The audit log: searched by admins, verified by operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.dialects.postgresql import UUID

from services.identity.domain.audit import FIRST_HASH, Deed, Entry, Verifier
from services.identity.tables import audit_head, audit_log
from services.kernel.errors import PageTokenInvalid
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows

LAST_NUMBER = (1 << 63) - 1
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class AuditRow:
    number: int
    done_at: datetime
    actor: str
    action: str
    user_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class _Head:
    number: int
    hash: str


_a = audit_log.c
_ENTRY = select(_a.number, _a.done_at, _a.actor, _a.action, _a.user_id, _a.before, _a.after, _a.hash)
_NOBODY = "00000000-0000-0000-0000-000000000000"
_SEARCH = (
    _ENTRY.where(
        or_(bindparam("actor") == "", _a.actor == bindparam("actor")),
        or_(bindparam("action") == "", _a.action == bindparam("action")),
        or_(
            bindparam("user_id", type_=UUID(as_uuid=False)) == _NOBODY,
            _a.user_id == bindparam("user_id", type_=UUID(as_uuid=False)),
        ),
        _a.number < bindparam("after"),
    )
    .order_by(_a.number.desc())
    .limit(bindparam("limit"))
)
_FORWARD = _ENTRY.where(_a.number > bindparam("after")).order_by(_a.number).limit(CHUNK)
_HEAD = select(audit_head.c.number, audit_head.c.hash)


@dataclass(frozen=True)
class SearchAuditLog:
    actor: str
    action: str
    user_id: str
    page: PageRequest


def search_audit_log(query: SearchAuditLog, rows: Rows) -> Page[AuditRow]:
    key = query.page.after(1)
    parameters = {
        "actor": query.actor,
        "action": query.action,
        "user_id": query.user_id or _NOBODY,
        "after": _number(key[0]) if key else LAST_NUMBER,
        "limit": query.page.limit + 1,
    }
    return page_of(rows.all(_SEARCH, AuditRow, parameters), query.page, lambda row: [str(row.number)])


def _number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise PageTokenInvalid(field="page_token") from None
    if not 0 <= number <= LAST_NUMBER:
        raise PageTokenInvalid(field="page_token")
    return number


@dataclass(frozen=True)
class CheckAuditLog:
    pass


def check_audit_log(_: CheckAuditLog, rows: Rows) -> int | None:
    """The number of the first entry that was changed, left out or cut off, or None when the log is whole."""
    # Read first: what is appended while the log is read comes after this end.
    head = rows.one(_HEAD, _Head) or _Head(0, FIRST_HASH)
    verifier = Verifier()
    while chunk := rows.all(_FORWARD, AuditRow, {"after": verifier.number}):
        broken_at = verifier.broken_at(map(_entry, chunk))
        if broken_at is not None:
            return broken_at
    return verifier.number + 1 if verifier.number < head.number else None


def _entry(row: AuditRow) -> Entry:
    deed = Deed(row.actor, row.action, row.user_id, row.before, row.after, row.done_at)
    return Entry(row.number, deed, row.hash)
