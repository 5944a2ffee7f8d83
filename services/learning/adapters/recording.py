"""The log of progress in PostgreSQL: many operations, few statements, each operation counted once."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import select, text, tuple_, update

from services.chassis.db import Work
from services.learning.adapters.enrollments import PostgresEnrollments
from services.learning.domain.enrollment import State
from services.learning.domain.outline import LessonKind
from services.learning.domain.standing import CourseStanding, LessonStanding
from services.learning.ports import Outcome, Record
from services.learning.tables import enrollments, lesson_progress, lessons, progress_events

# Rows are locked in the order of their keys (log, lessons, then enrolments), so that two writers never wait for each
# other in a circle. `due` are the lessons that are complete and not yet marked so.
_RECORD = text("""
WITH sent AS (
  SELECT * FROM unnest(
    CAST(:enrollments AS uuid[]), CAST(:operations AS uuid[]), CAST(:lessons AS uuid[]), CAST(:lengths AS int[]),
    CAST(:videos AS bool[]), CAST(:dones AS bool[]), CAST(:froms AS int[]), CAST(:tos AS int[]),
    CAST(:positions AS int[]), CAST(:times AS timestamptz[])
  ) WITH ORDINALITY
  AS s (enrollment_id, operation_id, lesson_id, length_ms, video, done, from_ms, to_ms, position_ms, occurred_at, place)
), fresh AS (
  INSERT INTO progress_events AS l
    (enrollment_id, operation_id, lesson_id, done, from_ms, to_ms, position_ms, occurred_at, recorded_at)
  SELECT s.enrollment_id, s.operation_id, s.lesson_id, s.done, s.from_ms, s.to_ms, s.position_ms, s.occurred_at, :now
  FROM sent s JOIN enrollments e ON e.id = s.enrollment_id AND e.state <> 'dropped'
  ORDER BY s.enrollment_id, s.operation_id, s.place
  ON CONFLICT DO NOTHING
  RETURNING l.*
), news AS (
  SELECT enrollment_id, lesson_id, bool_or(done) AS done, range_agg(int4range(from_ms, to_ms)) AS watched,
    sum(to_ms - from_ms) AS spent_ms, max(occurred_at) AS occurred_at,
    (array_agg(operation_id ORDER BY occurred_at DESC, operation_id DESC))[1] AS operation_id,
    (array_agg(position_ms ORDER BY occurred_at DESC, operation_id DESC))[1] AS position_ms
  FROM fresh GROUP BY enrollment_id, lesson_id
), touched AS (
  INSERT INTO lesson_progress AS p
    (enrollment_id, lesson_id, watched, watched_ms, spent_ms, position_ms, done, last_occurred_at, last_operation_id)
  SELECT enrollment_id, lesson_id, watched,
    (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(watched) r), spent_ms, position_ms, done,
    occurred_at, operation_id
  FROM news ORDER BY enrollment_id, lesson_id
  ON CONFLICT (enrollment_id, lesson_id) DO UPDATE SET
    watched = p.watched + excluded.watched,
    watched_ms = (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(p.watched + excluded.watched) r),
    spent_ms = p.spent_ms + excluded.spent_ms,
    done = p.done OR excluded.done,
    (position_ms, last_occurred_at, last_operation_id) = (
      SELECT * FROM (VALUES
        (p.position_ms, p.last_occurred_at, p.last_operation_id),
        (excluded.position_ms, excluded.last_occurred_at, excluded.last_operation_id)
      ) v (position, at, operation) ORDER BY at DESC, operation DESC LIMIT 1
    )
  RETURNING p.enrollment_id, p.lesson_id, p.watched_ms, p.done, p.completed_at
), due AS (
  SELECT DISTINCT t.enrollment_id, t.lesson_id
  FROM touched t JOIN sent s ON s.enrollment_id = t.enrollment_id AND s.lesson_id = t.lesson_id
  WHERE t.completed_at IS NULL AND (t.done OR (s.video AND t.watched_ms::bigint * 10 >= s.length_ms::bigint * 9))
)
SELECT
  (SELECT CASE WHEN count(*) < :count THEN coalesce(array_agg(enrollment_id::text || operation_id::text), '{}') END
   FROM fresh) AS fresh,
  (SELECT array_agg(ARRAY[enrollment_id::text, lesson_id::text] ORDER BY enrollment_id, lesson_id) FROM due) AS due
""")

# Who caused a completion: the trace that its events belong to.
Within = Callable[[str], AbstractContextManager[object]]


class PostgresProgress:
    def __init__(self, work: Work, kept: PostgresEnrollments) -> None:
        self._work, self._enrollments = work, kept

    def record(
        self, records: Sequence[Record], now: datetime, within: Within = lambda _: nullcontext()
    ) -> list[Outcome]:
        found = self._work.execute(_RECORD, _parameters(records) | {"count": len(records), "now": now}).one()
        if found.due:
            self._complete(found.due, now, within)
        if found.fresh is None:  # all that was sent is new, as it is nearly always
            return [Outcome.RECORDED] * len(records)
        return self._outcomes(records, set(found.fresh))

    def _complete(self, due: list[list[str]], now: datetime, within: Within) -> None:
        """Marks lessons whose rows this transaction holds, and counts them under the lock of their enrolment: of two
        transactions that complete the last two lessons, the second one sees what the first one did."""
        this = tuple_(lesson_progress.c.enrollment_id, lesson_progress.c.lesson_id)
        self._work.execute(update(lesson_progress).where(this.in_(map(tuple, due))).values(completed_at=now))
        for enrollment_id, completed in groupby(due, key=lambda pair: pair[0]):
            enrollment = self._enrollments.locked(enrollment_id)
            for _, lesson_id in completed:
                enrollment.complete_lesson(lesson_id, now)
            with within(enrollment_id):
                self._enrollments.save(enrollment)

    def _outcomes(self, records: Sequence[Record], fresh: set[str]) -> list[Outcome]:
        """The first with a fresh id was recorded. Of the others the log knows which were there before."""
        log = progress_events.c
        keys = [(record.enrollment_id, record.entry.operation_id) for record in records]
        query = select(log.enrollment_id, log.operation_id).where(tuple_(log.enrollment_id, log.operation_id).in_(keys))
        logged = {tuple(row) for row in self._work.execute(query)}
        outcomes = []
        for key in keys:
            if "".join(key) in fresh:
                fresh.remove("".join(key))
                outcomes.append(Outcome.RECORDED)
            else:
                outcomes.append(Outcome.DUPLICATE if key in logged else Outcome.DROPPED)
        return outcomes

    def standing(self, enrollment_id: str) -> CourseStanding:
        e, o, p = enrollments.c, lessons.c, lesson_progress.c
        header = self._work.execute(select(enrollments).where(e.id == enrollment_id)).one()
        figures = [p.watched_ms, p.spent_ms, p.position_ms, p.last_occurred_at, p.last_operation_id, p.completed_at]
        reached = (p.enrollment_id == enrollment_id) & (p.lesson_id == o.lesson_id)
        query = select(o.lesson_id, o.kind, o.length_ms, *figures).select_from(
            lessons.outerjoin(lesson_progress, reached)
        )
        version = (o.course_id == header.course_id) & (o.course_version == header.course_version)
        rows = self._work.execute(query.where(version).order_by(o.place))
        return CourseStanding(
            header.id,
            header.course_id,
            header.course_version,
            State(header.state),
            header.completed_at,
            tuple(_lesson(*values) for values in map(tuple[Any, ...], rows)),
        )


def _parameters(records: Sequence[Record]) -> dict[str, object]:
    """The columns of what is sent as array literals: no value needs quoting, and the driver's own way costs more."""
    entries = [record.entry for record in records]
    return {
        "enrollments": _array(record.enrollment_id for record in records),
        "operations": _array(e.operation_id for e in entries),
        "lessons": _array(e.lesson.id for e in entries),
        "lengths": _array(str(e.lesson.length_ms) for e in entries),
        "videos": _array("t" if e.lesson.kind is LessonKind.VIDEO else "f" for e in entries),
        "dones": _array("t" if e.done else "f" for e in entries),
        "froms": _array(str(e.from_ms) for e in entries),
        "tos": _array(str(e.to_ms) for e in entries),
        "positions": _array(str(e.position_ms) for e in entries),
        "times": _array(e.occurred_at.isoformat() for e in entries),
    }


def _array(values: Iterable[str]) -> str:
    return "{" + ",".join(values) + "}"


def _lesson(
    lesson_id: str,
    kind: str,
    length_ms: int,
    watched_ms: int | None,
    spent_ms: int | None,
    position_ms: int | None,
    accessed_at: datetime | None,
    operation_id: str | None,
    completed_at: datetime | None,
) -> LessonStanding:
    return LessonStanding(
        lesson_id,
        LessonKind(kind),
        length_ms,
        watched_ms or 0,
        spent_ms or 0,
        position_ms or 0,
        accessed_at,
        operation_id or "",
        completed_at,
    )
