"""Enrolments, the outlines they are on, the log of progress and what follows from it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, UUID

from services.chassis.tables import create_chassis_tables

revision = "0001"
down_revision = None

OUTLINE = (["course_id", "course_version"], ["outlines.course_id", "outlines.course_version"])


def upgrade() -> None:
    create_chassis_tables(op)
    _courses()
    _enrollments()
    _progress()


def _courses() -> None:
    op.create_table(
        "outlines",
        sa.Column("course_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("course_version", sa.Integer, primary_key=True),
    )
    op.create_table(
        "lessons",
        sa.Column("course_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("course_version", sa.Integer, primary_key=True),
        sa.Column("lesson_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("length_ms", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(*OUTLINE),
    )


def _enrollments() -> None:
    op.create_table(
        "enrollments",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False),
        sa.Column("course_id", UUID(as_uuid=False), nullable=False),
        sa.Column("course_version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("entitlement_id", UUID(as_uuid=False), nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lesson_count", sa.Integer, nullable=False),
        sa.Column("completed_lessons", sa.Integer, nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("user_id", "course_id", name="enrollments_user_id_course_id_key"),
        sa.ForeignKeyConstraint(*OUTLINE),
    )
    op.create_index("enrollments_user_id_id_idx", "enrollments", ["user_id", "id"])
    op.create_table(
        "revoked_entitlements",
        sa.Column("entitlement_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
    )


def _progress() -> None:
    op.create_table(
        "progress_events",
        sa.Column("enrollment_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("operation_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("lesson_id", UUID(as_uuid=False), nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("from_ms", sa.Integer, nullable=False),
        sa.Column("to_ms", sa.Integer, nullable=False),
        sa.Column("position_ms", sa.Integer, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "lesson_progress",
        sa.Column("enrollment_id", UUID(as_uuid=False), sa.ForeignKey("enrollments.id"), primary_key=True),
        sa.Column("lesson_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("watched", INT4MULTIRANGE, nullable=False),
        sa.Column("watched_ms", sa.Integer, nullable=False),
        sa.Column("spent_ms", sa.BigInteger, nullable=False),
        sa.Column("position_ms", sa.Integer, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("last_occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_operation_id", UUID(as_uuid=False), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
    )
    # Every heartbeat changes a row that no index covers: with room on the page the change stays on it.
    op.execute("ALTER TABLE lesson_progress SET (fillfactor = 70)")
