"""The read side's way to the database: selects in autocommit on the driver itself, flat rows back."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg_pool import ConnectionPool, PoolTimeout
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from services.chassis.driver import IN_USE, POOL_TIMEOUT, STATEMENT_TIMEOUT_MS, WAITING, options, refuse

T = TypeVar("T")

_DIALECT: Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class _Compiled:
    """A statement as psycopg takes it: its SQL, the values it holds, and how values pass in and out."""

    def __init__(self, statement: Any) -> None:
        self._compiled = statement.compile(dialect=_DIALECT)
        self._sql = str(self._compiled)
        binds = self._compiled.binds
        self._defaults = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
        impls = {name: bind.type.dialect_impl(_DIALECT) for name, bind in binds.items()}
        dumpers = {name: impl.bind_processor(_DIALECT) for name, impl in impls.items()}
        self._dumpers = {name: dump for name, dump in dumpers.items() if dump}
        columns = [column.type.dialect_impl(_DIALECT) for column in statement.selected_columns]
        # uuid arrives as text already, so its converter would do nothing.
        loaders = [None if isinstance(c, sa.Uuid) else c.result_processor(_DIALECT, None) for c in columns]
        self.loaders = loaders if any(loaders) else None

    def bind(self, parameters: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        values = {**self._defaults, **(parameters or {})}
        sql, dumpers = self._sql, self._dumpers
        if self._compiled.post_compile_params:
            # `IN (...)`: how many values there are is known only now.
            expanded = self._compiled.construct_expanded_state(values)
            sql, values, dumpers = expanded.statement, dict(expanded.parameters), expanded.processors
        for name, dump in dumpers.items():
            values[name] = dump(values[name])
        return sql, values


# Holds the statements themselves, so that one's identity can't pass to another.
_compiled: Callable[[Any], _Compiled] = lru_cache(maxsize=1024)(_Compiled)


class Reader:
    """Runs selects in autocommit, straight on the driver: a single statement needs no transaction around it."""

    def __init__(self, url: str, size: int, statement_timeout: int = STATEMENT_TIMEOUT_MS) -> None:
        self._pool = ConnectionPool(
            url,
            kwargs={**options("reader", statement_timeout), "autocommit": True},
            min_size=1,
            max_size=size,
            # After this long the pool forgets a failed attempt, and the next caller makes a fresh one at once.
            reconnect_timeout=3,
            open=True,
            name="reader",
        )
        IN_USE.labels("reader").set_function(lambda: self._count("pool_size") - self._count("pool_available"))
        WAITING.labels("reader").set_function(lambda: self._count("requests_waiting"))

    def all(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> list[T]:
        compiled = _compiled(statement)
        found = self._fetch(*compiled.bind(parameters))
        if compiled.loaders is None:
            return [into(*row) for row in found]
        return [into(*_loaded(row, compiled.loaders)) for row in found]

    def one(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> T | None:
        """The first row, if any."""
        found = self.all(statement, into, parameters)
        return found[0] if found else None

    def ping(self) -> None:
        """Raises DependencyUnavailable when no answer comes."""
        self._fetch("SELECT 1", {}, timeout=1)

    def close(self) -> None:
        self._pool.close()

    def _fetch(self, sql: str, values: Mapping[str, Any], timeout: float = POOL_TIMEOUT) -> list[tuple[Any, ...]]:
        for last in (False, True):
            try:
                with self._pool.connection(timeout) as connection:
                    return connection.execute(sql, values).fetchall()
            except psycopg.Error as error:
                # After a restart of the server the whole pool is stale; reading again does no harm.
                if last or not _lost(error):
                    refuse(error)
                self._pool.check()
        raise AssertionError

    def _count(self, what: str) -> int:
        return self._pool.get_stats().get(what, 0)


def _lost(error: psycopg.Error) -> bool:
    """Whether the connection broke: neither was there none to be had, nor did the server itself refuse."""
    return isinstance(error, psycopg.OperationalError) and not isinstance(
        error, (PoolTimeout, psycopg.errors.QueryCanceled, psycopg.errors.SerializationFailure)
    )


def _loaded(row: tuple[Any, ...], loaders: list[Any]) -> Iterator[Any]:
    return (load(value) if load else value for value, load in zip(row, loaders, strict=True))
