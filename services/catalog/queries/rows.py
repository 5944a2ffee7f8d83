"""A course as reads see it: without its outline."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from services.catalog import tables
from services.catalog.domain.caller import Caller


@dataclass(frozen=True, slots=True)
class CourseRow:
    """The numbers are those of the outline as it stands; the `public_` ones are those of the version published last."""

    id: str
    version: int
    instructor_id: str
    title: str
    description: str
    category: str
    language: str
    difficulty: str
    currency: str
    amount_minor: int
    state: str
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    published_version: int
    lesson_count: int
    duration_seconds: int
    public_lesson_count: int
    public_duration_seconds: int

    def numbers_for(self, caller: Caller) -> tuple[int, int]:
        """How many lessons and seconds of video the outline has that this caller is shown."""
        if caller.oversees(self.instructor_id):
            return self.lesson_count, self.duration_seconds
        return self.public_lesson_count, self.public_duration_seconds


COURSE, VERSION = tables.courses.c, tables.course_versions.c
WITH_VERSION = tables.courses.outerjoin(
    tables.course_versions, and_(VERSION.course_id == COURSE.id, VERSION.version == COURSE.published_version)
)
COLUMNS = (
    COURSE.id,
    COURSE.version,
    COURSE.instructor_id,
    COURSE.title,
    COURSE.description,
    COURSE.category,
    COURSE.language,
    COURSE.difficulty,
    COURSE.currency,
    COURSE.amount_minor,
    COURSE.state,
    COURSE.created_at,
    COURSE.updated_at,
    COURSE.published_at,
    COURSE.published_version,
    COURSE.lesson_count,
    COURSE.duration_seconds,
    func.coalesce(VERSION.lesson_count, 0).label("public_lesson_count"),
    func.coalesce(VERSION.duration_seconds, 0).label("public_duration_seconds"),
)
COURSES = select(*COLUMNS).select_from(WITH_VERSION)
