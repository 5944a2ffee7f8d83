"""The chassis' own tables, the same in every service's database: outbox, inbox, request ids, dead letters."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, LargeBinary, MetaData, Table, Text, Uuid
from sqlalchemy import func as sql
from sqlalchemy.dialects.postgresql import JSONB

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

outbox = Table(
    "outbox",
    METADATA,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("aggregate_version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
    Column("published_at", DateTime(timezone=True)),
)
# Only what waits is indexed, so finding it costs the same however much was ever published.
Index("outbox_waiting_idx", outbox.c.seq, postgresql_where=outbox.c.published_at.is_(None))

inbox = Table(
    "inbox",
    METADATA,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Uuid(as_uuid=False), primary_key=True),
    Column("handled_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
)

requests = Table(
    "requests",
    METADATA,
    Column("caller", Text, primary_key=True),
    Column("rpc", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("result_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
)

dead_letters = Table(
    "dead_letters",
    METADATA,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid(as_uuid=False), nullable=False),
    Column("subject", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("died_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
    Column("replayed_at", DateTime(timezone=True)),
)
Index("dead_letters_consumer_event_id_key", dead_letters.c.consumer, dead_letters.c.event_id, unique=True)


def create_chassis_tables(op: Any) -> None:
    """For the first migration of a service. A later change to these tables is a migration of its own in each service,
    written so that a database which already has it stays as it is."""
    METADATA.create_all(op.get_bind())
