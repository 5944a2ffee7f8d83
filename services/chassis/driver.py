"""How Campus speaks to PostgreSQL: what every connection is set to, and what a driver's error means for a caller."""

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import psycopg
import sqlalchemy as sa
from prometheus_client import Gauge
from psycopg.adapt import AdaptersMap
from psycopg.types.string import TextLoader

from services.kernel.errors import DependencyUnavailable, StaleVersion

STATEMENT_TIMEOUT_MS = 10_000
POOL_TIMEOUT = 5.0

IN_USE = Gauge("campus_db_connections_in_use", "Connections that run something", ["role"])
WAITING = Gauge("campus_db_waiting", "Threads that wait for a connection", ["role"])

# Ids are strings everywhere; without this each row would pay for UUID objects and their way back.
_ADAPTERS = AdaptersMap(psycopg.adapters)
_ADAPTERS.register_loader("uuid", TextLoader)


class ConstraintBroken(Exception):
    """A constraint of the schema refused a row; `constraint` names it, so that an adapter can say what it means."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class StatementFailed(Exception):
    """The database refused a statement, which is a defect of ours. Holds the SQLSTATE, and never SQL or values."""


def connector(
    url: str, role: str, statement_timeout: int = STATEMENT_TIMEOUT_MS
) -> Callable[..., psycopg.Connection[Any]]:
    """A function that opens connections as Campus wants them."""
    return partial(psycopg.connect, url, **options(role, statement_timeout))


def options(role: str, statement_timeout: int = STATEMENT_TIMEOUT_MS) -> dict[str, Any]:
    return {
        "options": f"-c statement_timeout={statement_timeout} -c timezone=UTC",
        "application_name": f"campus-{role}",
        "connect_timeout": 3,
        "prepare_threshold": 2,
        "context": _ADAPTERS,
    }


def refuse(error: Exception) -> NoReturn:
    """Says what a driver's error means for a caller. SQL and values stay behind: they may hold personal data."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, psycopg.errors.SerializationFailure):
        raise StaleVersion from None
    if isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError, sa.exc.TimeoutError)):
        raise DependencyUnavailable(dependency="database") from None
    if isinstance(cause, psycopg.IntegrityError):
        raise ConstraintBroken(cause.diag.constraint_name or "") from None
    if isinstance(cause, psycopg.Error):
        raise StatementFailed(f"{type(cause).__name__} {cause.sqlstate}") from None
    raise error
