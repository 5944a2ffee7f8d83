"""The one description of certification's schema."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID, ExcludeConstraint

METADATA = MetaData()

certificates = Table(
    "certificates",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), nullable=False),
    Column("holder_name", Text, nullable=False),
    Column("course_id", UUID(as_uuid=False), nullable=False),
    Column("course_title", Text, nullable=False),
    Column("course_version", Integer, nullable=False),
    Column("enrollment_id", UUID(as_uuid=False), nullable=False),
    Column("code", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("completed_at", DateTime(timezone=True), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("user_id", "course_id", name="certificates_user_id_course_id_key"),
)
# Unique by a hash index: verifying costs the same however many certificates there are.
certificates.append_constraint(
    ExcludeConstraint((certificates.c.code, "="), using="hash", name="certificates_code_excl")
)
Index("certificates_user_id_id_idx", certificates.c.user_id, certificates.c.id)

# One for each certificate; what is absent is still to be made.
documents = Table(
    "documents",
    METADATA,
    Column("certificate_id", UUID(as_uuid=False), ForeignKey("certificates.id"), primary_key=True),
    Column("object_name", Text),
    Column("sha256", Text),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("made_at", DateTime(timezone=True)),
)
# Only what waits is indexed.
Index("documents_due_at_idx", documents.c.due_at, postgresql_where=documents.c.made_at.is_(None))
