"""Preferences, and how far the end of an account has come."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from services.identity.domain.errors import ErasureNotFound, UserNotFound
from services.identity.tables import erasure_receipts, erasures, preferences, users
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class PreferencesRow:
    language: str
    time_zone: str
    email_notifications: bool
    in_app_notifications: bool


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    service: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class _ErasureRow:
    id: str
    user_id: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureView:
    id: str
    user_id: str
    requested_at: datetime
    receipts: dict[str, datetime]


_p, _r = preferences.c, erasure_receipts.c
# Those who never chose have the usual values.
_PREFERENCES = (
    select(
        func.coalesce(_p.language, "en"),
        func.coalesce(_p.time_zone, "UTC"),
        func.coalesce(_p.email_notifications, True),
        func.coalesce(_p.in_app_notifications, True),
    )
    .select_from(users.outerjoin(preferences))
    .where(users.c.id == bindparam("user_id"))
)
_ERASURE = select(erasures.c.id, erasures.c.user_id, erasures.c.requested_at).where(
    erasures.c.id == bindparam("erasure_id")
)
_RECEIPTS = select(_r.service, _r.received_at).where(_r.erasure_id == bindparam("erasure_id")).order_by(_r.service)


@dataclass(frozen=True)
class GetPreferences:
    user_id: str


def get_preferences(query: GetPreferences, rows: Rows) -> PreferencesRow:
    found = rows.one(_PREFERENCES, PreferencesRow, {"user_id": query.user_id})
    if found is None:
        raise UserNotFound
    return found


@dataclass(frozen=True)
class GetErasure:
    erasure_id: str


def get_erasure(query: GetErasure, rows: Rows) -> ErasureView:
    found = rows.one(_ERASURE, _ErasureRow, {"erasure_id": query.erasure_id})
    if found is None:
        raise ErasureNotFound
    receipts = rows.all(_RECEIPTS, ReceiptRow, {"erasure_id": query.erasure_id})
    return ErasureView(
        found.id, found.user_id, found.requested_at, {each.service: each.received_at for each in receipts}
    )
