"""The read side's way to the database: selects in autocommit on the driver itself, flat rows back."""

import queue
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import cached_property, lru_cache, partial
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from services.chassis.driver import IN_USE, POOL_TIMEOUT, STATEMENT_TIMEOUT_MS, WAITING, options, refuse
from services.kernel.errors import DependencyUnavailable

T = TypeVar("T")

_DIALECT: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class _Compiled:
    """A statement as PostgreSQL takes it: its SQL, the values it holds, and how values pass in and out."""

    def __init__(self, statement: Any) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self._sql, binds = str(compiled).encode(), compiled.binds
        self._defaults = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
        dumpers = {name: bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT) for name, bind in binds.items()}
        self._dumpers = [(name, dumpers[name]) for name in compiled.positiontup or ()]
        columns = [column.type.dialect_impl(_DIALECT) for column in statement.selected_columns]
        # uuid arrives as text already, so its converter would do nothing.
        loaders = [None if isinstance(c, sa.Uuid) else c.result_processor(_DIALECT, None) for c in columns]
        self.loaders = loaders if any(loaders) else None

    def bind(self, parameters: Mapping[str, Any] | None) -> tuple[bytes, list[Any]]:
        values = {**self._defaults, **(parameters or {})}
        return self._sql, [dump(values[name]) if dump else values[name] for name, dump in self._dumpers]


# Holds the statements themselves, so that one's identity can't pass to another.
_compiled: Callable[[Any], _Compiled] = lru_cache(maxsize=1024)(_Compiled)


class _Line(psycopg.Connection[Any]):
    """A connection for selects. It speaks to libpq without a cursor between: that costs less, and the thread gives way
    to others once per select instead of several times, which under load is most of the price."""

    @cached_property
    def _kept(self) -> tuple[Any, dict[tuple[bytes, Any], bytes]]:
        return Transformer.from_context(self), {}

    def select(self, sql: bytes, values: list[Any]) -> Any:
        transformer, prepared = self._kept
        sent = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        key = sql, transformer.types
        if key not in prepared:
            self._checked(self.pgconn.prepare(b"%d" % len(prepared), sql, transformer.types))
            prepared[key] = b"%d" % len(prepared)
        transformer.set_pgresult(self._checked(self.pgconn.exec_prepared(prepared[key], sent, transformer.formats)))
        return transformer.load_rows(0, transformer.pgresult.ntuples, tuple)

    def _checked(self, result: Any) -> Any:
        if self.pgconn.status != ConnStatus.OK:
            self.close()
            raise psycopg.OperationalError("the connection is lost")
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
        return result


class Reader:
    """Runs selects in autocommit, straight on the driver: a single statement needs no transaction around it. Keeps its
    connections in a queue of its own: checking one out of a pool would cost half as much again as the select."""

    def __init__(self, url: str, size: int, statement_timeout: int = STATEMENT_TIMEOUT_MS) -> None:
        self._connect = partial(_Line.connect, url, autocommit=True, **options("reader", statement_timeout))
        self._closed = False
        self._free: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        for _ in range(size):
            self._free.put(None)  # opened when it is first needed
        IN_USE.labels("reader").set_function(lambda: size - self._free.qsize())

    def all(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> list[T]:
        compiled = _compiled(statement)
        found = self._fetch(*compiled.bind(parameters))
        if compiled.loaders:
            found = [_loaded(row, compiled.loaders) for row in found]
        return [into(*row) for row in found]

    def one(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> T | None:
        """The first row, if any."""
        return next(iter(self.all(statement, into, parameters)), None)

    def ping(self) -> None:
        """Raises DependencyUnavailable when no answer comes."""
        self._fetch(b"SELECT 1", [], timeout=1)

    def close(self) -> None:
        """Closes what is free now, and what is in use once it comes back."""
        self._closed = True
        while not self._free.empty():
            if line := self._free.get():
                line.close()

    def _fetch(self, sql: bytes, values: list[Any], timeout: float = POOL_TIMEOUT) -> Any:
        line = self._take(timeout)
        try:
            try:
                line = line or self._connect()
                return line.select(sql, values)
            except psycopg.OperationalError:
                # It may have broken while it lay here, as all do when the server restarts; reading again is safe.
                if line is None or not line.closed:
                    raise
                line = self._connect()
                return line.select(sql, values)
        except psycopg.Error as error:
            refuse(error)
        finally:
            self._give_back(line)

    def _take(self, timeout: float) -> _Line | None:
        try:
            with WAITING.labels("reader").track_inprogress() if self._free.empty() else nullcontext():
                return self._free.get(timeout=timeout)
        except queue.Empty:
            raise DependencyUnavailable(dependency="database") from None

    def _give_back(self, line: _Line | None) -> None:
        if line and self._closed:
            line.close()
        self._free.put(None if line is None or line.closed else line)


def _loaded(row: tuple[Any, ...], loaders: list[Any]) -> Iterator[Any]:
    return (load(value) if load else value for value, load in zip(row, loaders, strict=True))
