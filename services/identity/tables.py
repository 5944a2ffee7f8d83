"""The one description of identity's schema."""

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import UUID

METADATA = MetaData()

users = Table(
    "users",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_folded", Text, nullable=False, unique=True),
    Column("username", Text, nullable=False),
    Column("username_folded", Text, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
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
)

refresh_tokens = Table(
    "refresh_tokens",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("session_id", UUID(as_uuid=False), ForeignKey("sessions.id"), nullable=False, index=True),
    Column("generation", Integer, nullable=False),
)
