"""Certificates, and the documents made of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID, ExcludeConstraint

from services.chassis.tables import create_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "certificates",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False),
        sa.Column("holder_name", sa.Text, nullable=False),
        sa.Column("course_id", UUID(as_uuid=False), nullable=False),
        sa.Column("course_title", sa.Text, nullable=False),
        sa.Column("course_version", sa.Integer, nullable=False),
        sa.Column("enrollment_id", UUID(as_uuid=False), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("user_id", "course_id", name="certificates_user_id_course_id_key"),
        ExcludeConstraint((sa.column("code"), "="), using="hash", name="certificates_code_excl"),
    )
    op.create_index("certificates_user_id_id_idx", "certificates", ["user_id", "id"])
    op.create_table(
        "documents",
        sa.Column("certificate_id", UUID(as_uuid=False), sa.ForeignKey("certificates.id"), primary_key=True),
        sa.Column("object_name", sa.Text),
        sa.Column("sha256", sa.Text),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True)),
    )
    op.create_index("documents_due_at_idx", "documents", ["due_at"], postgresql_where=sa.column("made_at").is_(None))
