"""The one description of identity's schema."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

METADATA = MetaData()

users = Table(
    "users",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_folded", Text, unique=True),
    Column("username", Text, nullable=False),
    Column("username_folded", Text, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("phone", Text, nullable=False, server_default=""),
    # What has to be unique is null where there is none.
    Column("phone_folded", Text, unique=True),
    Column("email_verified_at", DateTime(timezone=True)),
    Column("blocked_at", DateTime(timezone=True)),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), nullable=False, index=True),
    Column("generation", Integer, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("refreshed_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("device", Text, nullable=False, server_default=""),
)

refresh_tokens = Table(
    "refresh_tokens",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("session_id", UUID(as_uuid=False), ForeignKey("sessions.id"), nullable=False, index=True),
    Column("generation", Integer, nullable=False),
)

devices = Table(
    "devices",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), nullable=False, index=True),
    Column("last_used_at", DateTime(timezone=True), nullable=False),
)

attempts = Table(
    "attempts",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False, index=True),
)

mail_tokens = Table(
    "mail_tokens",
    METADATA,
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
)

letters = Table(
    "letters",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
)

applications = Table(
    "applications",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("motivation", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("rejection_comment", Text, nullable=False),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
)

# Rows are added and never changed: the writer has no right to.
audit_log = Table(
    "audit_log",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("done_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("user_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    Column("hash", Text, nullable=False),
)

# One row: the end of the chain, by which a log that was cut off shows.
audit_head = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)

# The id is the user's.
preferences = Table(
    "preferences",
    METADATA,
    Column("id", UUID(as_uuid=False), ForeignKey("users.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("email_notifications", Boolean, nullable=False),
    Column("in_app_notifications", Boolean, nullable=False),
)

erasures = Table(
    "erasures",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), nullable=False, unique=True),
    Column("requested_at", DateTime(timezone=True), nullable=False),
)

erasure_receipts = Table(
    "erasure_receipts",
    METADATA,
    Column("erasure_id", UUID(as_uuid=False), ForeignKey("erasures.id"), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False),
)

oauth_flows = Table(
    "oauth_flows",
    METADATA,
    Column("state_hash", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False, index=True),
    Column("user_id", Text, nullable=False),
)

# Accounts at other parties that sign a user in.
user_accounts = Table(
    "user_accounts",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("access_token", Text, nullable=False),
    Column("refresh_token", Text, nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("provider", "subject", name="user_accounts_subject_key"),
    UniqueConstraint("user_id", "provider", name="user_accounts_user_key"),
)

totps = Table(
    "totps",
    METADATA,
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("last_step", BigInteger, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    METADATA,
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), primary_key=True),
    Column("code_hash", Text, primary_key=True),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", UUID(as_uuid=False), ForeignKey("users.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)
