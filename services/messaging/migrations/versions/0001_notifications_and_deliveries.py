"""Notifications, and the record of bringing each to its user by each channel."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from services.chassis.tables import create_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    _notifications()
    _deliveries()


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("about_id", sa.Text, nullable=False),
        sa.Column("event_id", UUID(as_uuid=False)),
        sa.Column("in_app", sa.Boolean, nullable=False),
        sa.Column("email", sa.Boolean, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("event_id", "kind", name="notifications_event_id_kind_key"),
    )
    columns = ["user_id", "id"]
    op.create_index("notifications_list_idx", "notifications", columns, postgresql_where=sa.text("in_app"))
    unread = sa.text("in_app AND read_at IS NULL")
    op.create_index("notifications_unread_idx", "notifications", columns, postgresql_where=unread)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("notification_id", UUID(as_uuid=False), sa.ForeignKey("notifications.id"), nullable=False),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("notification_id", "channel", name="deliveries_notification_id_channel_key"),
    )
    op.create_index("deliveries_user_id_id_idx", "deliveries", ["user_id", "id"])
    op.create_index("deliveries_state_id_idx", "deliveries", ["state", "id"])
    pending = sa.text("state = 'pending'")
    op.create_index("deliveries_due_idx", "deliveries", ["next_attempt_at"], postgresql_where=pending)
