"""Heartbeats by group commit: each durable when it is answered, many in one transaction."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from services.chassis.batch import GroupCommit
from services.chassis.db import Writer
from services.chassis.interceptors import time_left
from services.chassis.telemetry import Trace, current_trace, in_trace
from services.kernel.clock import Clock
from services.learning.adapters.enrollments import PostgresEnrollments
from services.learning.adapters.recording import PostgresProgress
from services.learning.ports import Outcome, Record

Beat = tuple[Record, Trace]

# Nobody looks at the answer to a heartbeat, so a little more patience buys larger batches.
MAX_WAIT_SECONDS = 0.005


class GroupedHeartbeats:
    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer, self._clock = writer, clock
        self._group: GroupCommit[Beat, Outcome] = GroupCommit(self._flush, max_wait=MAX_WAIT_SECONDS)

    def record(self, record: Record) -> Outcome:
        return self._group.submit((record, current_trace()), time_left())

    def close(self) -> None:
        self._group.close()

    def _flush(self, beats: list[Beat]) -> Sequence[Outcome]:
        def within(enrollment_id: str) -> AbstractContextManager[object]:
            """The trace of the last heartbeat of this enrolment: it is what completed the lesson."""
            trace = next(trace for record, trace in reversed(beats) if record.enrollment_id == enrollment_id)
            return in_trace(trace.traceparent, trace.correlation_id, trace.actor)

        with self._writer.begin() as work:
            log = PostgresProgress(work, PostgresEnrollments(work))
            return log.record([record for record, _ in beats], self._clock(), within)
