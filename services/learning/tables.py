"""The one description of learning's schema."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, UUID

METADATA = MetaData()

# Versions never change, so all who study one share its outline.
outlines = Table(
    "outlines",
    METADATA,
    Column("course_id", UUID(as_uuid=False), primary_key=True),
    Column("course_version", Integer, primary_key=True),
)

lessons = Table(
    "lessons",
    METADATA,
    Column("course_id", UUID(as_uuid=False), primary_key=True),
    Column("course_version", Integer, primary_key=True),
    Column("lesson_id", UUID(as_uuid=False), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("length_ms", Integer, nullable=False),
    ForeignKeyConstraint(["course_id", "course_version"], ["outlines.course_id", "outlines.course_version"]),
)

enrollments = Table(
    "enrollments",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), nullable=False),
    Column("course_id", UUID(as_uuid=False), nullable=False),
    Column("course_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("entitlement_id", UUID(as_uuid=False), nullable=False),
    Column("order_id", Text, nullable=False),
    Column("enrolled_at", DateTime(timezone=True), nullable=False),
    Column("lesson_count", Integer, nullable=False),
    Column("completed_lessons", Integer, nullable=False),
    Column("completed_at", DateTime(timezone=True)),
    UniqueConstraint("user_id", "course_id", name="enrollments_user_id_course_id_key"),
    ForeignKeyConstraint(["course_id", "course_version"], ["outlines.course_id", "outlines.course_version"]),
)
Index("enrollments_user_id_id_idx", enrollments.c.user_id, enrollments.c.id)

revoked_entitlements = Table(
    "revoked_entitlements",
    METADATA,
    Column("entitlement_id", UUID(as_uuid=False), primary_key=True),
    Column("revoked_at", DateTime(timezone=True), nullable=False),
)

# Append-only: what learners did. All progress can be computed anew from it. The one statement that writes it joins the
# enrolments, which are never deleted: a foreign key would ask the same again for every row.
progress_events = Table(
    "progress_events",
    METADATA,
    Column("enrollment_id", UUID(as_uuid=False), primary_key=True),
    Column("operation_id", UUID(as_uuid=False), primary_key=True),
    Column("lesson_id", UUID(as_uuid=False), nullable=False),
    Column("done", Boolean, nullable=False),
    Column("from_ms", Integer, nullable=False),
    Column("to_ms", Integer, nullable=False),
    Column("position_ms", Integer, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

lesson_progress = Table(
    "lesson_progress",
    METADATA,
    Column("enrollment_id", UUID(as_uuid=False), ForeignKey("enrollments.id"), primary_key=True),
    Column("lesson_id", UUID(as_uuid=False), primary_key=True),
    Column("watched", INT4MULTIRANGE, nullable=False),
    Column("watched_ms", Integer, nullable=False),
    Column("spent_ms", BigInteger, nullable=False),
    Column("position_ms", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("last_occurred_at", DateTime(timezone=True), nullable=False),
    Column("last_operation_id", UUID(as_uuid=False), nullable=False),
    Column("completed_at", DateTime(timezone=True)),
)
