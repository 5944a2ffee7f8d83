"""Preferences, and the end of accounts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "preferences",
        sa.Column("id", UUID(as_uuid=False), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("email_notifications", sa.Boolean, nullable=False),
        sa.Column("in_app_notifications", sa.Boolean, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("user_id", UUID(as_uuid=False), sa.ForeignKey("users.id"), nullable=False, unique=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "erasure_receipts",
        sa.Column("erasure_id", UUID(as_uuid=False), sa.ForeignKey("erasures.id"), primary_key=True),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    )
