"""Instructor applications, for applicants and admins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, bindparam, or_, select
from sqlalchemy.dialects.postgresql import UUID

from services.identity.domain.errors import ApplicationNotFound
from services.identity.queries.keys import id_after
from services.identity.tables import applications
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    id: str
    user_id: str
    state: str
    motivation: str
    evidence: list[Mapping[str, str]]
    rejection_comment: str
    submitted_at: datetime
    decided_at: datetime | None


_a = applications.c
_APPLICATION = select(
    _a.id,
    _a.user_id,
    _a.state,
    _a.motivation,
    _a.evidence,
    _a.rejection_comment,
    _a.submitted_at,
    _a.decided_at,
)
_BY_ID = _APPLICATION.where(_a.id == bindparam("application_id"))
_BY_USER = _APPLICATION.where(_a.user_id == bindparam("user_id"))
_MATCHING = (
    _APPLICATION.where(
        or_(bindparam("state", type_=Text) == "", _a.state == bindparam("state", type_=Text)),
        _a.id < bindparam("after", type_=UUID(as_uuid=False)),
    )
    .order_by(_a.id.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class GetInstructorApplication:
    application_id: str
    user_id: str
    is_admin: bool


def get_instructor_application(query: GetInstructorApplication, rows: Rows) -> ApplicationRow:
    found = rows.one(_BY_ID, ApplicationRow, {"application_id": query.application_id})
    if found is None or not (query.is_admin or found.user_id == query.user_id):
        raise ApplicationNotFound
    return found


@dataclass(frozen=True)
class GetMyInstructorApplication:
    user_id: str


def get_my_instructor_application(query: GetMyInstructorApplication, rows: Rows) -> ApplicationRow:
    found = rows.one(_BY_USER, ApplicationRow, {"user_id": query.user_id})
    if found is None:
        raise ApplicationNotFound
    return found


@dataclass(frozen=True)
class ListInstructorApplications:
    state: str
    page: PageRequest


def list_instructor_applications(query: ListInstructorApplications, rows: Rows) -> Page[ApplicationRow]:
    parameters = {"state": query.state, "after": id_after(query.page), "limit": query.page.limit + 1}
    return page_of(rows.all(_MATCHING, ApplicationRow, parameters), query.page, lambda row: [row.id])
