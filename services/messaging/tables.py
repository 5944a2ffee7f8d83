"""The one description of messaging's schema."""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

METADATA = MetaData()

notifications = Table(
    "notifications",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), nullable=False),
    Column("kind", Text, nullable=False),
    Column("about_id", Text, nullable=False),
    Column("event_id", UUID(as_uuid=False)),
    Column("in_app", Boolean, nullable=False),
    Column("email", Boolean, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("read_at", DateTime(timezone=True)),
    UniqueConstraint("event_id", "kind", name="notifications_event_id_kind_key"),
)
Index("notifications_list_idx", notifications.c.user_id, notifications.c.id, postgresql_where=text("in_app"))
Index(
    "notifications_unread_idx",
    notifications.c.user_id,
    notifications.c.id,
    postgresql_where=text("in_app AND read_at IS NULL"),
)

deliveries = Table(
    "deliveries",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("notification_id", UUID(as_uuid=False), ForeignKey("notifications.id"), nullable=False),
    Column("user_id", UUID(as_uuid=False), nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    UniqueConstraint("notification_id", "channel", name="deliveries_notification_id_channel_key"),
)
Index("deliveries_user_id_id_idx", deliveries.c.user_id, deliveries.c.id)
Index("deliveries_state_id_idx", deliveries.c.state, deliveries.c.id)
# Only what waits is indexed by its time, so finding it costs the same however much was ever sent.
Index("deliveries_due_idx", deliveries.c.next_attempt_at, postgresql_where=text("state = 'pending'"))
