"""Courses, their modules and lessons, and their published versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR, UUID

from services.chassis.tables import create_chassis_tables

revision = "0001"
down_revision = None

SEARCHED = (
    "setweight(to_tsvector('simple', title) || to_tsvector('english', title), 'A')"
    " || setweight(to_tsvector('simple', replace(category, '-', ' ')), 'B')"
    " || setweight(to_tsvector('simple', description) || to_tsvector('english', description), 'D')"
)


def upgrade() -> None:
    create_chassis_tables(op)
    create_courses()
    create_outline()


def create_courses() -> None:
    op.create_table(
        "courses",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("instructor_id", UUID(as_uuid=False), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("title_key", sa.Text(collation="C"), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("difficulty", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.Column("published_version", sa.Integer, nullable=False),
        sa.Column("outline_changed", sa.Boolean, nullable=False),
        sa.Column("lesson_count", sa.Integer, nullable=False),
        sa.Column("duration_seconds", sa.BigInteger, nullable=False),
        sa.Column("searched", TSVECTOR, sa.Computed(SEARCHED, persisted=True), nullable=False),
    )
    op.create_index("courses_mine_idx", "courses", ["instructor_id", "id"])
    public = sa.text("state = 'published'")
    for name, columns in {
        "newest": ["published_at", "id"],
        "category": ["category", "published_at", "id"],
        "title": ["title_key", "id"],
        "price": ["currency", "amount_minor", "id"],
    }.items():
        op.create_index(f"courses_{name}_idx", "courses", columns, postgresql_where=public)
    op.create_index("courses_searched_idx", "courses", ["searched"], postgresql_using="gin", postgresql_where=public)
    op.create_index(
        "courses_similar_idx",
        "courses",
        ["title_key"],
        postgresql_using="gist",
        postgresql_ops={"title_key": "gist_trgm_ops"},
        postgresql_where=public,
    )


def create_outline() -> None:
    op.create_table(
        "modules",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("course_id", UUID(as_uuid=False), sa.ForeignKey("courses.id"), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.UniqueConstraint("course_id", "position", name="modules_place_key"),
    )
    op.create_table(
        "lessons",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("course_id", UUID(as_uuid=False), sa.ForeignKey("courses.id"), nullable=False, index=True),
        sa.Column("module_id", UUID(as_uuid=False), sa.ForeignKey("modules.id"), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("duration_seconds", sa.Integer, nullable=False),
        sa.Column("free_preview", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("since_version", sa.Integer),
        sa.UniqueConstraint("module_id", "position", name="lessons_place_key"),
    )
    op.create_table(
        "course_versions",
        sa.Column("course_id", UUID(as_uuid=False), sa.ForeignKey("courses.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("outline", sa.LargeBinary, nullable=False),
        sa.Column("lesson_count", sa.Integer, nullable=False),
        sa.Column("duration_seconds", sa.BigInteger, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    )
