"""The read side: one frozen dataclass and one function per query."""

from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select

from services.kernel.errors import PageTokenInvalid
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows
from services.learning.domain.enrollment import State
from services.learning.domain.errors import EnrollmentNotFound
from services.learning.domain.outline import LessonKind
from services.learning.domain.standing import CourseStanding, LessonStanding
from services.learning.tables import enrollments, lesson_progress, lessons

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class EnrollmentRow:
    id: str
    user_id: str
    course_id: str
    course_version: int
    state: str
    source: str
    entitlement_id: str
    order_id: str
    enrolled_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class _StandingRow:
    """One lesson of the version that an enrolment is on, with the enrolment."""

    enrollment_id: str
    user_id: str
    course_id: str
    course_version: int
    state: str
    course_completed_at: datetime | None
    lesson_id: str
    kind: str
    length_ms: int
    watched_ms: int
    spent_ms: int
    position_ms: int
    accessed_at: datetime | None
    operation_id: str | None
    completed_at: datetime | None


_e, _o, _p = enrollments.c, lessons.c, lesson_progress.c

_ENROLLMENT = select(
    _e.id,
    _e.user_id,
    _e.course_id,
    _e.course_version,
    _e.state,
    _e.source,
    _e.entitlement_id,
    _e.order_id,
    _e.enrolled_at,
    _e.completed_at,
)
_BY_ID = _ENROLLMENT.where(_e.id == bindparam("enrollment_id"))
_BY_COURSE = _ENROLLMENT.where(_e.user_id == bindparam("user_id"), _e.course_id == bindparam("course_id"))

_STANDING = (
    select(
        _e.id,
        _e.user_id,
        _e.course_id,
        _e.course_version,
        _e.state,
        _e.completed_at,
        _o.lesson_id,
        _o.kind,
        _o.length_ms,
        func.coalesce(_p.watched_ms, 0),
        func.coalesce(_p.spent_ms, 0),
        func.coalesce(_p.position_ms, 0),
        _p.last_occurred_at,
        _p.last_operation_id,
        _p.completed_at,
    )
    .select_from(enrollments)
    .join(lessons, (_o.course_id == _e.course_id) & (_o.course_version == _e.course_version))
    .outerjoin(lesson_progress, (_p.enrollment_id == _e.id) & (_p.lesson_id == _o.lesson_id))
    .order_by(_o.place)
)
_STANDING_BY_ID = _STANDING.where(_e.id == bindparam("enrollment_id"))
_STANDING_BY_COURSE = _STANDING.where(_e.user_id == bindparam("user_id"), _e.course_id == bindparam("course_id"))


def _list(by_course: bool, by_state: bool, after: bool) -> Any:
    found = _ENROLLMENT.where(_e.user_id == bindparam("user_id"))
    found = found.where(_e.course_id == bindparam("course_id")) if by_course else found
    found = found.where(_e.state == bindparam("state")) if by_state else found
    found = found.where(_e.id < bindparam("after")) if after else found
    return found.order_by(_e.id.desc()).limit(bindparam("limit"))


_LISTS = {chosen: _list(*chosen) for chosen in product((False, True), repeat=3)}


@dataclass(frozen=True)
class GetEnrollment:
    user_id: str
    roles: frozenset[str]
    enrollment_id: str


def get_enrollment(query: GetEnrollment, rows: Rows) -> EnrollmentRow:
    found = rows.one(_BY_ID, EnrollmentRow, {"enrollment_id": query.enrollment_id})
    if found is None or (found.user_id != query.user_id and ADMIN not in query.roles):
        raise EnrollmentNotFound(enrollment_id=query.enrollment_id)
    return found


@dataclass(frozen=True)
class ListEnrollments:
    user_id: str
    course_id: str
    state: State | None
    size: int
    token: str


def list_enrollments(query: ListEnrollments, rows: Rows) -> Page[EnrollmentRow]:
    """Ids grow with time, so the newest enrolment has the greatest one."""
    request = PageRequest(query.size, query.token, f"{query.user_id} {query.course_id} {query.state}")
    after = _id_in(request.after(1))
    parameters: dict[str, Any] = {"user_id": query.user_id, "limit": request.limit + 1}
    chosen = {"course_id": query.course_id, "state": query.state, "after": after}
    parameters |= {name: value for name, value in chosen.items() if value}
    statement = _LISTS[bool(query.course_id), bool(query.state), bool(after)]
    return page_of(rows.all(statement, EnrollmentRow, parameters), request, lambda row: [row.id])


def _id_in(key: list[str] | None) -> str:
    try:
        return str(UUID(key[0])) if key else ""
    except ValueError:
        raise PageTokenInvalid(field="page_token") from None


@dataclass(frozen=True)
class GetProgress:
    user_id: str
    enrollment_id: str


def get_progress(query: GetProgress, rows: Rows) -> CourseStanding:
    found = rows.all(_STANDING_BY_ID, _StandingRow, {"enrollment_id": query.enrollment_id})
    if not found or found[0].user_id != query.user_id:
        raise EnrollmentNotFound(enrollment_id=query.enrollment_id)
    return _standing(found)


@dataclass(frozen=True)
class CheckCompletion:
    user_id: str
    course_id: str


def check_completion(query: CheckCompletion, rows: Rows) -> CourseStanding | None:
    """How far the user is in the course; None if they aren't enrolled."""
    parameters = {"user_id": query.user_id, "course_id": query.course_id}
    found = rows.all(_STANDING_BY_COURSE, _StandingRow, parameters)
    return _standing(found) if found else None


@dataclass(frozen=True)
class CheckEnrollment:
    user_id: str
    course_id: str


def check_enrollment(query: CheckEnrollment, rows: Rows) -> EnrollmentRow | None:
    return rows.one(_BY_COURSE, EnrollmentRow, {"user_id": query.user_id, "course_id": query.course_id})


def _standing(rows: list[_StandingRow]) -> CourseStanding:
    head = rows[0]
    return CourseStanding(
        head.enrollment_id,
        head.course_id,
        head.course_version,
        State(head.state),
        head.course_completed_at,
        tuple(
            LessonStanding(
                row.lesson_id,
                LessonKind(row.kind),
                row.length_ms,
                row.watched_ms,
                row.spent_ms,
                row.position_ms,
                row.accessed_at,
                row.operation_id or "",
                row.completed_at,
            )
            for row in rows
        ),
    )
