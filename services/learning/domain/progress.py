"""What learners did, and how far it brought them: a function of the set of their operations, in whatever order."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.learning.domain.errors import LessonNotInCourse, LessonNotWatchable
from services.learning.domain.outline import Lesson, LessonKind, Outline

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a learner did, in the client's words. Without `watched` it says that the lesson is done."""

    id: str
    lesson_id: str
    occurred_at: datetime
    watched: tuple[int, int] | None = None
    position_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation as the log keeps it, within the bounds of its lesson. Nothing watched is an empty range."""

    operation_id: str
    lesson: Lesson
    occurred_at: datetime
    done: bool
    from_ms: int
    to_ms: int
    position_ms: int


def entry(operation: Operation, outline: Outline) -> Entry:
    """The operation held to the version that is studied. What lies beyond the end of the lesson is cut off."""
    lesson = outline.by_id.get(operation.lesson_id)
    if lesson is None:
        raise LessonNotInCourse(lesson_id=operation.lesson_id, operation_id=operation.id)
    end = lesson.length_ms
    if operation.watched is None:
        position = min(operation.position_ms or 0, end)
        return Entry(operation.id, lesson, operation.occurred_at, True, 0, 0, position)
    if lesson.kind is LessonKind.ARTICLE:
        raise LessonNotWatchable(lesson_id=lesson.id, operation_id=operation.id)
    from_ms, to_ms = min(operation.watched[0], end), min(operation.watched[1], end)
    position = to_ms if operation.position_ms is None else min(operation.position_ms, end)
    return Entry(operation.id, lesson, operation.occurred_at, False, from_ms, to_ms, position)


def union(ranges: Ranges, from_ms: int, to_ms: int) -> Ranges:
    """Sorted, disjoint ranges with one more: those that overlap or touch become one."""
    if from_ms >= to_ms:
        return ranges
    merged: list[tuple[int, int]] = []
    for start, end in sorted((*ranges, (from_ms, to_ms))):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


@dataclass(frozen=True)
class LessonProgress:
    """How far a learner is in one lesson. `last` is when and by which operation they were there last."""

    lesson: Lesson
    watched: Ranges = ()
    spent_ms: int = 0
    position_ms: int = 0
    last: tuple[datetime, str] | None = None
    done: bool = False
    completed_at: datetime | None = None

    @property
    def watched_ms(self) -> int:
        return sum(end - start for start, end in self.watched)

    @property
    def complete(self) -> bool:
        """A lesson is complete when the learner says so, a video also when nine tenths of it were watched."""
        video = self.lesson.kind is LessonKind.VIDEO
        return self.done or (video and self.watched_ms * 10 >= self.lesson.length_ms * 9)

    def after(self, entry: Entry) -> "LessonProgress":
        """The progress with one more operation. Each operation counts once: the log sees to that."""
        key = (entry.occurred_at, entry.operation_id)
        later = self.last is None or key > self.last
        return replace(
            self,
            watched=union(self.watched, entry.from_ms, entry.to_ms),
            spent_ms=self.spent_ms + entry.to_ms - entry.from_ms,
            position_ms=entry.position_ms if later else self.position_ms,
            last=key if later else self.last,
            done=self.done or entry.done,
        )
