"""A service's own database, migrated as in production and emptied for every test."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from deploy.local.postgres import Postgres
from services.chassis.db import Database
from services.chassis.migrate import migrate

_migrated: set[tuple[int, str]] = set()


def owner_url(postgres: Postgres, service: str) -> str:
    return postgres.url(f"campus_{service}", f"{service}_owner")


@contextmanager
def migrated(postgres: Postgres, service: str) -> Iterator[Database]:
    """The database of `service` with its schema and no rows."""
    if (id(postgres), service) not in _migrated:
        postgres.ensure_service(service)
        migrate(f"services.{service}", owner_url(postgres, service))
        _migrated.add((id(postgres), service))
    with psycopg.connect(owner_url(postgres, service), autocommit=True) as owner:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        names = [f'"{name}"' for (name,) in owner.execute(query)]
        owner.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE".encode())
    roles = {role: postgres.url(f"campus_{service}", f"{service}_{role}") for role in ("writer", "reader")}
    database = Database(roles["writer"], roles["reader"], writers=8, readers=4)
    try:
        yield database
    finally:
        database.close()


def announced(database: Database) -> list[str]:
    """The names of the events in the outbox, in order."""
    with psycopg.connect(database.writer.url) as connection:
        rows = connection.execute("SELECT subject FROM outbox ORDER BY seq").fetchall()
    return [subject.rpartition(".")[2] for (subject,) in rows]
