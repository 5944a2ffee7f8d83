"""Transactions in memory, for the tests of commands: the same promises as the writer's, without a database."""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from services.kernel.errors import RequestIdReused
from services.kernel.events import AlreadyHandled, DomainEvent, event_to_mark
from services.kernel.requests import RequestKey


@dataclass
class MemoryState:
    """What every service's memory holds besides its aggregates. `announced` is what the outbox would carry."""

    requests: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    inbox: set[tuple[str, str]] = field(default_factory=set)
    announced: list[DomainEvent] = field(default_factory=list)


S = TypeVar("S", bound=MemoryState)


class MemoryTransactions(Generic[S]):
    """One transaction at a time, on a copy that replaces the state when it commits."""

    def __init__(self, state: S) -> None:
        self.state = state
        self._turn = threading.Lock()

    @contextmanager
    def begin_state(self) -> Iterator[S]:
        with self._turn:
            state = copy.deepcopy(self.state)
            event = event_to_mark()
            if event and not event.marked:
                if (event.consumer, event.event_id) in state.inbox:
                    raise AlreadyHandled
                state.inbox.add((event.consumer, event.event_id))
            yield state
            self.state = state
            if event:
                event.marked = True


class MemoryRequests:
    """The memory of request ids (kernel.requests.RequestLog)."""

    def __init__(self, state: MemoryState) -> None:
        self._requests = state.requests

    def claim(self, key: RequestKey, result_id: str) -> str | None:
        if not key.request_id:
            return None
        known = self._requests.setdefault((key.caller, key.rpc, key.request_id), (key.fingerprint, result_id))
        if known[0] != key.fingerprint:
            raise RequestIdReused(field="request_id")
        return known[1] if known[1] != result_id else None
