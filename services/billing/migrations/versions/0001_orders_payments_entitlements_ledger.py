"""Orders, payments, entitlements, the ledger and the provider's messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from services.chassis.tables import create_chassis_tables

revision = "0001"
down_revision = None

# Deferred to the commit: until then an entry may be half written.
_BALANCED = """
CREATE FUNCTION ledger_entry_is_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry uuid := coalesce(to_jsonb(NEW) ->> 'entry_id', to_jsonb(NEW) ->> 'id');
BEGIN
    IF EXISTS (
        SELECT FROM ledger_postings WHERE entry_id = entry GROUP BY currency HAVING sum(amount_minor) <> 0
    ) OR NOT EXISTS (SELECT FROM ledger_postings WHERE entry_id = entry) THEN
        RAISE EXCEPTION 'ledger entry % is not balanced', entry
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_is_balanced';
    END IF;
    RETURN NULL;
END $$
"""
_APPEND_ONLY = """
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a reversal', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_is_append_only';
END $$
"""
_LEDGER = ("ledger_accounts", "ledger_entries", "ledger_postings")


def upgrade() -> None:
    create_chassis_tables(op)
    _orders_and_payments()
    _entitlements()
    _ledger()
    _webhook_events()
    _guard_the_ledger()


def _orders_and_payments() -> None:
    op.create_table(
        "orders",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False),
        sa.Column("transaction_id", UUID(as_uuid=False), nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("success_url", sa.Text, nullable=False),
        sa.Column("cancel_url", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
        sa.Column("key_made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.Text, unique=True),
        sa.Column("checkout_url", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_up_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("orders_open_idx", "orders", ["looked_up_at"], postgresql_where=sa.text("state = 'open'"))

    op.create_table(
        "order_lines",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("order_id", UUID(as_uuid=False), sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("course_id", UUID(as_uuid=False), nullable=False),
        sa.Column("course_title", sa.Text, nullable=False),
        sa.Column("instructor_id", UUID(as_uuid=False), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("instructor_share_bps", sa.Integer, nullable=False),
        sa.UniqueConstraint("order_id", "position", name="order_lines_order_id_position_key"),
        sa.CheckConstraint("amount_minor > 0", name="order_lines_amount_minor_check"),
        sa.CheckConstraint("instructor_share_bps BETWEEN 0 AND 10000", name="order_lines_instructor_share_bps_check"),
    )

    op.create_table(
        "payments",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("order_id", UUID(as_uuid=False), sa.ForeignKey("orders.id"), nullable=False, unique=True),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False),
        sa.Column("course_id", UUID(as_uuid=False), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("intent_id", sa.Text, nullable=False),
        sa.Column("failure_code", sa.Text),
        sa.Column("failure_attempt_id", sa.Text),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
        sa.Column("lapsed", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True)),
        sa.Column("refunded_at", sa.DateTime(timezone=True)),
    )
    op.create_index("payments_user_id_id_idx", "payments", ["user_id", "id"])

    op.create_table(
        "failed_attempts",
        sa.Column("payment_id", UUID(as_uuid=False), sa.ForeignKey("payments.id"), primary_key=True),
        sa.Column("attempt_id", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    )


def _entitlements() -> None:
    op.create_table(
        "entitlements",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False),
        sa.Column("course_id", UUID(as_uuid=False), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("order_id", UUID(as_uuid=False), sa.ForeignKey("orders.id"), index=True),
        sa.Column("order_line_id", UUID(as_uuid=False), sa.ForeignKey("order_lines.id"), unique=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True)),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_index("entitlements_user_id_course_id_idx", "entitlements", ["user_id", "course_id"])
    op.create_index("entitlements_user_id_id_idx", "entitlements", ["user_id", "id"])
    op.create_index(
        "entitlements_one_free_key",
        "entitlements",
        ["user_id", "course_id"],
        unique=True,
        postgresql_where=sa.text("source = 'free' AND revoked_at IS NULL"),
    )


def _ledger() -> None:
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("instructor_id", UUID(as_uuid=False)),
    )

    op.create_table(
        "ledger_entries",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("order_line_id", UUID(as_uuid=False), sa.ForeignKey("order_lines.id"), nullable=False),
        sa.Column("transaction_id", UUID(as_uuid=False), sa.ForeignKey("payments.id"), nullable=False, index=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("order_line_id", "kind", name="ledger_entries_order_line_id_kind_key"),
    )

    op.create_table(
        "ledger_postings",
        sa.Column("entry_id", UUID(as_uuid=False), sa.ForeignKey("ledger_entries.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("account_id", sa.Text, sa.ForeignKey("ledger_accounts.id"), nullable=False, index=True),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name="ledger_postings_amount_minor_check"),
    )


def _webhook_events() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("object_kind", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("intent_id", sa.Text, nullable=False),
        sa.Column("failure_code", sa.Text),
        sa.Column("failure_attempt_id", sa.Text),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text),
        sa.Column("processed_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text),
    )
    op.create_index(
        "webhook_events_due_idx", "webhook_events", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )


def _guard_the_ledger() -> None:
    op.execute(_BALANCED)
    op.execute(_APPEND_ONLY)
    for table in _LEDGER:
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM billing_writer")
        # The owner of a table can't be refused by rights, and a mistaken grant is soon made: so twice.
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()"
        )
    for table in _LEDGER[1:]:
        op.execute(
            f"CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION ledger_entry_is_balanced()"
        )
