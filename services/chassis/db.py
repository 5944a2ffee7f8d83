"""A service's database: a reader that only reads, and a writer whose unit of work commits or leaves no trace."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import psycopg
import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.dialects.postgresql import insert

from services.chassis import tables
from services.chassis.driver import IN_USE, POOL_TIMEOUT, WAITING, connector, refuse
from services.chassis.reader import Reader
from services.chassis.telemetry import current_trace
from services.kernel.clock import Clock, system_clock
from services.kernel.errors import CampusError, RequestIdReused, StaleVersion
from services.kernel.events import AlreadyHandled, Handling, event_to_mark
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey

# Made once: to put a statement together costs as much as to run it.
_MARK = insert(tables.inbox).on_conflict_do_nothing().returning(tables.inbox.c.event_id)


class Work:
    """One transaction: what is executed and announced here happens together or not at all."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self._connection, self._clock = connection, clock
        self._announced: list[dict[str, Any]] = []
        self.has_announced = False

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        try:
            return self._connection.execute(statement, parameters)
        except sa.exc.DBAPIError as error:
            refuse(error)

    def announce(self, message: Message, aggregate_id: str, version: int) -> None:
        """Puts an event into the outbox; the relay publishes it after the commit, in the aggregate's order."""
        trace = current_trace()
        headers = {
            "occurred-at": self._clock().astimezone(UTC).isoformat(),
            "traceparent": trace.child(),
            "correlation-id": trace.correlation_id,
            "actor": trace.actor,
        }
        row = {"id": new_id(), "subject": message.DESCRIPTOR.full_name, "payload": message.SerializeToString()}
        self._announced.append({**row, "headers": headers, "aggregate_id": aggregate_id, "aggregate_version": version})

    @property
    def requests(self) -> "Requests":
        return Requests(self)

    def update_version(self, table: sa.Table, id: str, version: int, values: Mapping[str, Any]) -> None:  # noqa: A002
        """Writes `values` and version + 1 over the row, unless somebody else has written since `version` was read."""
        found = sa.update(table).where(table.c.id == id, table.c.version == version)
        if not self.execute(found.values(**values, version=version + 1)).rowcount:
            raise StaleVersion

    def flush(self) -> None:
        """Stores what was announced so far; the writer calls it before it commits."""
        if self._announced:
            self.execute(sa.insert(tables.outbox), self._announced)
            self._announced = []
            self.has_announced = True


class Requests:
    """The memory of request ids (kernel.requests.RequestLog)."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def claim(self, key: RequestKey, result_id: str) -> str | None:
        if not key.request_id:
            return None
        row = {"caller": key.caller, "rpc": key.rpc, "request_id": key.request_id}
        new = insert(tables.requests).values(**row, fingerprint=key.fingerprint, result_id=result_id)
        claim = new.on_conflict_do_nothing().returning(tables.requests.c.result_id)
        seen = sa.select(tables.requests.c.fingerprint, tables.requests.c.result_id).filter_by(**row)
        # The insert waits for a concurrent one with the same key, and then either wins or sees what that one made.
        while not self._work.execute(claim).first():
            if earlier := self._work.execute(seen).first():
                if earlier.fingerprint != key.fingerprint:
                    raise RequestIdReused(field="request_id")
                return str(earlier.result_id)
        return None


def mark_in_inbox(work: Work, event: Handling) -> None:
    """Marks an event in the transaction of its effect; raises AlreadyHandled when it had its effect before."""
    if not work.execute(_MARK, {"consumer": event.consumer, "event_id": event.event_id}).first():
        raise AlreadyHandled


Mark = Callable[[Work, Handling], None]


class Writer:
    """Opens transactions. Inside of a handler of an event, the first that commits carries the event's mark; those that
    follow in the same handler are transactions of their own, so a handler that needs two must bear a crash between."""

    def __init__(
        self,
        url: str,
        size: int,
        mark: Mark = mark_in_inbox,
        clock: Clock = system_clock,
        timeout: float = POOL_TIMEOUT,
    ) -> None:
        self.url = url
        self._engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=connector(url, "writer"),
            pool_size=size,
            max_overflow=0,
            pool_timeout=timeout,
            hide_parameters=True,
            use_native_hstore=False,
        )
        self._mark, self._clock = mark, clock
        self._wake: Callable[[], None] = _nobody
        IN_USE.labels("writer").set_function(self._engine.pool.checkedout)  # type: ignore[attr-defined]
        self._waiting = WAITING.labels("writer")

    def wakes(self, wake: Callable[[], None]) -> None:
        """Names what is called after a commit that announced something: the relay's alarm."""
        self._wake = wake

    @contextmanager
    def begin(self) -> Iterator[Work]:
        event = event_to_mark()
        try:
            with self._connection() as connection, connection.begin():
                work = Work(connection, self._clock)
                if event and not event.marked:
                    self._mark(work, event)
                yield work
                work.flush()
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, psycopg.Error) as error:
            refuse(error)
        if event:
            event.marked = True
        if work.has_announced:
            self._wake()

    def mark(self) -> None:
        """Marks the event at hand when its handler stored nothing."""
        with self.begin():
            return

    def close(self) -> None:
        self._engine.dispose()

    def _connection(self) -> sa.Connection:
        with self._waiting.track_inprogress():
            return self._engine.connect()


def _nobody() -> None:
    """Without a relay nobody is woken: what was announced waits in the outbox."""


class Database:
    """Both ways, and whether they are open."""

    def __init__(
        self, writer_url: str, reader_url: str, *, writers: int = 8, readers: int = 8, mark: Mark = mark_in_inbox
    ) -> None:
        self.reader = Reader(reader_url, readers)
        self.writer = Writer(writer_url, writers, mark)

    def check(self) -> bool:
        """Whether both roles get an answer now."""
        try:
            self.reader.ping()
            with self.writer.begin() as work:
                work.execute(sa.select(1))
        except CampusError:
            return False
        return True

    def close(self) -> None:
        self.reader.close()
        self.writer.close()
