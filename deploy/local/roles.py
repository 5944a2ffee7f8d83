"""What a service finds in PostgreSQL: its database, its three roles, the right to what each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from deploy.local.postgres import Postgres

# The writer's rights to a table come with the table, by default privileges: granting them again at every start would
# undo what a migration took away (an append-only ledger).
GRANTS = """
ALTER SCHEMA public OWNER TO {owner};
GRANT USAGE ON SCHEMA public TO {writer}, {reader};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {writer};
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SCHEMAS TO {writer}, {reader};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {writer};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE, SELECT ON SEQUENCES TO {writer};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {reader};
"""


def ensure(server: Postgres, name: str, passwords: Mapping[str, str]) -> None:
    """Create or repair the service's roles, database, extensions and rights; safe to repeat."""
    from deploy.local.postgres import EXTENSIONS

    database = f"campus_{name}"
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        for kind, password in passwords.items():
            _ensure_role(connection, f"{name}_{kind}", password)
        # A second line of defence behind the missing grants.
        _run(connection, "ALTER ROLE {} SET default_transaction_read_only = on", f"{name}_reader")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            _run(connection, "CREATE DATABASE {} OWNER {}", database, f"{name}_owner")
        _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
        for kind in passwords:
            _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, f"{name}_{kind}")
    with psycopg.connect(server.admin_url(database), autocommit=True) as connection:
        found = connection.execute("SELECT name FROM pg_available_extensions WHERE name = ANY(%s)", [list(EXTENSIONS)])
        for (extension,) in found.fetchall():
            _run(connection, "CREATE EXTENSION IF NOT EXISTS {}", extension)
        roles = {kind: sql.Identifier(f"{name}_{kind}") for kind in ("owner", "writer", "reader")}
        connection.execute(sql.SQL(GRANTS).format(**roles))


def drop(server: Postgres, name: str) -> None:
    """Remove the service's database and roles."""
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        _run(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", f"campus_{name}")
        for kind in ("reader", "writer", "owner"):
            _run(connection, "DROP ROLE IF EXISTS {}", f"{name}_{kind}")


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        _run(connection, "CREATE ROLE {}", role)
    statement = sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))


def _run(connection: psycopg.Connection[tuple[object, ...]], statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
