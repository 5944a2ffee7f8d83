"""The read side's way to the database: selects in autocommit on the driver itself, flat rows back."""

import queue
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from services.chassis.driver import IN_USE, POOL_TIMEOUT, STATEMENT_TIMEOUT_MS, WAITING, connector, refuse
from services.kernel.errors import DependencyUnavailable

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
    """Runs selects in autocommit, straight on the driver: a single statement needs no transaction around it. Keeps its
    cursors in a queue of its own: checking a connection out of a pool would cost half as much again as the select."""

    def __init__(self, url: str, size: int, statement_timeout: int = STATEMENT_TIMEOUT_MS) -> None:
        self._connect = partial(connector(url, "reader", statement_timeout), autocommit=True)
        self._closed = False
        self._free: queue.SimpleQueue[psycopg.Cursor[Any] | None] = queue.SimpleQueue()
        for _ in range(size):
            self._free.put(None)  # opened when it is first needed
        IN_USE.labels("reader").set_function(lambda: size - self._free.qsize())
        self._waiting = WAITING.labels("reader")

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
        """Closes what is free now, and what is in use once it comes back."""
        self._closed = True
        while not self._free.empty():
            if cursor := self._free.get():
                cursor.connection.close()

    def _fetch(self, sql: str, values: Mapping[str, Any], timeout: float = POOL_TIMEOUT) -> list[tuple[Any, ...]]:
        cursor = self._take(timeout)
        try:
            if cursor is not None:
                try:
                    return cursor.execute(sql, values).fetchall()
                except psycopg.Error as error:
                    # It may have broken while it lay here, as all do when the server restarts; reading again is safe.
                    if not _lost(error):
                        raise
                    cursor.connection.close()
                    cursor = None
            cursor = self._connect().cursor()
            return cursor.execute(sql, values).fetchall()
        except psycopg.Error as error:
            refuse(error)
        finally:
            self._give_back(cursor)

    def _take(self, timeout: float) -> psycopg.Cursor[Any] | None:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            with self._waiting.track_inprogress():
                try:
                    return self._free.get(timeout=timeout)
                except queue.Empty:
                    raise DependencyUnavailable(dependency="database") from None

    def _give_back(self, cursor: psycopg.Cursor[Any] | None) -> None:
        if cursor is not None and (self._closed or cursor.connection.closed):
            cursor.connection.close()
            cursor = None
        self._free.put(cursor)


def _lost(error: psycopg.Error) -> bool:
    """Whether the connection broke, rather than that the server refused."""
    return isinstance(error, psycopg.OperationalError) and not isinstance(
        error, (psycopg.errors.QueryCanceled, psycopg.errors.SerializationFailure)
    )


def _loaded(row: tuple[Any, ...], loaders: list[Any]) -> Iterator[Any]:
    return (load(value) if load else value for value, load in zip(row, loaders, strict=True))
