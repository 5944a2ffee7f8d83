"""Brings a service's database to the schema its code expects: forward only, and safe when two start at once."""

import zlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, text

from services.chassis.driver import connector

# Two processes that migrate the same database take turns; the number only has to be the same for both.
_TURN = zlib.crc32(b"campus migrations")


def migrate(service_package: str, owner_url: str) -> None:
    """Applies what is missing of `<service_package>/migrations/versions` in one transaction."""
    folder = str(files(service_package) / "migrations")
    config = Config()
    # The folder is a value of an ini file, where a percent sign has a meaning.
    config.set_main_option("script_location", folder.replace("%", "%%"))
    script = ScriptDirectory(folder)

    def pending(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)

    engine = _engine(owner_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
            with EnvironmentContext(config, script, fn=pending) as environment:
                environment.configure(connection=connection)
                environment.run_migrations()
    finally:
        engine.dispose()


def differences(metadata: Sequence[MetaData], url: str) -> list[Any]:
    """What differs between the tables described in code and the tables that are there; empty when nothing does."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            return list(compare_metadata(context, list(metadata)))  # type: ignore[arg-type]
    finally:
        engine.dispose()


def _engine(url: str) -> Any:
    # A migration may take long: it gets no statement timeout.
    return create_engine("postgresql+psycopg://", creator=connector(url, "migrate", statement_timeout=0))
