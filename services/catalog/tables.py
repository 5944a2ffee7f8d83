"""The one description of catalog's schema."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import TSVECTOR, UUID

METADATA = MetaData()

# Words are found as they are written in any language, and by their stems in English.
SEARCHED = (
    "setweight(to_tsvector('simple', title) || to_tsvector('english', title), 'A')"
    " || setweight(to_tsvector('simple', replace(category, '-', ' ')), 'B')"
    " || setweight(to_tsvector('simple', description) || to_tsvector('english', description), 'D')"
)

courses = Table(
    "courses",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("instructor_id", UUID(as_uuid=False), nullable=False),
    Column("title", Text, nullable=False),
    # Ordered by bytes, so that a list has the same order wherever the database runs.
    Column("title_key", Text(collation="C"), nullable=False),
    Column("description", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("difficulty", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Column("published_version", Integer, nullable=False),
    Column("outline_changed", Boolean, nullable=False),
    Column("lesson_count", Integer, nullable=False),
    Column("duration_seconds", BigInteger, nullable=False),
    Column("searched", TSVECTOR, Computed(SEARCHED, persisted=True), nullable=False),
)
_public = courses.c.state == "published"
Index("courses_mine_idx", courses.c.instructor_id, courses.c.id)
Index("courses_newest_idx", courses.c.published_at, courses.c.id, postgresql_where=_public)
Index("courses_category_idx", courses.c.category, courses.c.published_at, courses.c.id, postgresql_where=_public)
Index("courses_title_idx", courses.c.title_key, courses.c.id, postgresql_where=_public)
Index("courses_price_idx", courses.c.currency, courses.c.amount_minor, courses.c.id, postgresql_where=_public)
Index("courses_searched_idx", courses.c.searched, postgresql_using="gin", postgresql_where=_public)
Index(
    "courses_similar_idx",
    courses.c.title_key,
    postgresql_using="gist",
    postgresql_ops={"title_key": "gist_trgm_ops"},
    postgresql_where=_public,
)

modules = Table(
    "modules",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("course_id", UUID(as_uuid=False), ForeignKey("courses.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("position", Integer, nullable=False),
    UniqueConstraint("course_id", "position", name="modules_place_key"),
)

lessons = Table(
    "lessons",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("course_id", UUID(as_uuid=False), ForeignKey("courses.id"), nullable=False, index=True),
    Column("module_id", UUID(as_uuid=False), ForeignKey("modules.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("duration_seconds", Integer, nullable=False),
    Column("free_preview", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    # The first version of the course that shows the lesson; empty while none does.
    Column("since_version", Integer),
    UniqueConstraint("module_id", "position", name="lessons_place_key"),
)

# Rows here are never changed. The outline is kept as the contract's own message, so that a public read takes it from
# the row into the reply as it is, however long it is.
course_versions = Table(
    "course_versions",
    METADATA,
    Column("course_id", UUID(as_uuid=False), ForeignKey("courses.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("outline", LargeBinary, nullable=False),
    Column("lesson_count", Integer, nullable=False),
    Column("duration_seconds", BigInteger, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
)
