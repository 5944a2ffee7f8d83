"""The one description of billing's schema; triggers and revoked rights stand in the migration."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import UUID

METADATA = MetaData()

orders = Table(
    "orders",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), nullable=False),
    Column("transaction_id", UUID(as_uuid=False), nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("success_url", Text, nullable=False),
    Column("cancel_url", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("key_made_at", DateTime(timezone=True), nullable=False),
    Column("session_id", Text, unique=True),
    Column("checkout_url", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("looked_up_at", DateTime(timezone=True), nullable=False),
)
Index("orders_open_idx", orders.c.looked_up_at, postgresql_where=orders.c.state == "open")

order_lines = Table(
    "order_lines",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("order_id", UUID(as_uuid=False), ForeignKey("orders.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("course_id", UUID(as_uuid=False), nullable=False),
    Column("course_title", Text, nullable=False),
    Column("instructor_id", UUID(as_uuid=False), nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("instructor_share_bps", Integer, nullable=False),
    UniqueConstraint("order_id", "position", name="order_lines_order_id_position_key"),
    CheckConstraint("amount_minor > 0", name="order_lines_amount_minor_check"),
    CheckConstraint("instructor_share_bps BETWEEN 0 AND 10000", name="order_lines_instructor_share_bps_check"),
)

payments = Table(
    "payments",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("order_id", UUID(as_uuid=False), ForeignKey("orders.id"), nullable=False, unique=True),
    Column("user_id", UUID(as_uuid=False), nullable=False),
    Column("course_id", UUID(as_uuid=False), nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("intent_id", Text, nullable=False),
    Column("failure_code", Text),
    Column("failure_attempt_id", Text),
    Column("failed_at", DateTime(timezone=True)),
    Column("lapsed", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("paid_at", DateTime(timezone=True)),
    Column("refunded_at", DateTime(timezone=True)),
)
Index("payments_user_id_id_idx", payments.c.user_id, payments.c.id)

failed_attempts = Table(
    "failed_attempts",
    METADATA,
    Column("payment_id", UUID(as_uuid=False), ForeignKey("payments.id"), primary_key=True),
    Column("attempt_id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
)

entitlements = Table(
    "entitlements",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), nullable=False),
    Column("course_id", UUID(as_uuid=False), nullable=False),
    Column("source", Text, nullable=False),
    Column("order_id", UUID(as_uuid=False), ForeignKey("orders.id"), index=True),
    Column("order_line_id", UUID(as_uuid=False), ForeignKey("order_lines.id"), unique=True),
    Column("not_before", DateTime(timezone=True), nullable=False),
    Column("not_after", DateTime(timezone=True)),
    Column("granted_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
)
Index("entitlements_user_id_course_id_idx", entitlements.c.user_id, entitlements.c.course_id)
Index("entitlements_user_id_id_idx", entitlements.c.user_id, entitlements.c.id)
Index(
    "entitlements_one_free_key",
    entitlements.c.user_id,
    entitlements.c.course_id,
    unique=True,
    postgresql_where=(entitlements.c.source == "free") & entitlements.c.revoked_at.is_(None),
)

ledger_accounts = Table(
    "ledger_accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("instructor_id", UUID(as_uuid=False)),
)

ledger_entries = Table(
    "ledger_entries",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("order_line_id", UUID(as_uuid=False), ForeignKey("order_lines.id"), nullable=False),
    Column("transaction_id", UUID(as_uuid=False), ForeignKey("payments.id"), nullable=False, index=True),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("order_line_id", "kind", name="ledger_entries_order_line_id_kind_key"),
)

ledger_postings = Table(
    "ledger_postings",
    METADATA,
    Column("entry_id", UUID(as_uuid=False), ForeignKey("ledger_entries.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("account_id", Text, ForeignKey("ledger_accounts.id"), nullable=False, index=True),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    CheckConstraint("amount_minor <> 0", name="ledger_postings_amount_minor_check"),
)

webhook_events = Table(
    "webhook_events",
    METADATA,
    Column("event_id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("intent_id", Text, nullable=False),
    Column("failure_code", Text),
    Column("failure_attempt_id", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("processed_at", DateTime(timezone=True)),
    Column("error", Text),
)
Index("webhook_events_due_idx", webhook_events.c.due_at, postgresql_where=webhook_events.c.due_at.is_not(None))
