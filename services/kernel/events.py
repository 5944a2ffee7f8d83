"""Aggregates record what happened; handlers of events leave a mark so that each happens once."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """Something that happened to an aggregate, in the past tense."""


@dataclass(kw_only=True)
class Aggregate:
    """State that changes only through methods that are the domain's verbs; each records an event.

    `version` counts the stored changes: a store writes version + 1 only over the version it read.
    """

    id: str
    version: int = 0
    _events: list[DomainEvent] = field(default_factory=list, init=False, repr=False, compare=False)

    def record(self, event: DomainEvent) -> None:
        self._events.append(event)

    def take_events(self) -> list[DomainEvent]:
        events, self._events = self._events, []
        return events


class AlreadyHandled(Exception):
    """The event at hand had its effect before; whoever opens a transaction for it again is told so."""


@dataclass
class Handling:
    """The event being handled: a store marks it in the transaction of its effect, and only once."""

    consumer: str
    event_id: str
    marked: bool = False


_handling: ContextVar[Handling | None] = ContextVar("handling", default=None)


@contextmanager
def handling(consumer: str, event_id: str) -> Iterator[Handling]:
    """Everything stored inside belongs to this event: the first transaction marks it as handled."""
    current = Handling(consumer, event_id)
    token = _handling.set(current)
    try:
        yield current
    finally:
        _handling.reset(token)


def event_to_mark() -> Handling | None:
    """The event whose mark the transaction that now begins has to carry, or None outside of a handler."""
    return _handling.get()
