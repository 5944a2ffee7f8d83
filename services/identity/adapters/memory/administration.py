"""Instructor applications and the audit log in memory."""

import copy

from services.identity.adapters.memory.state import State
from services.identity.domain.application import InstructorApplication
from services.identity.domain.audit import FIRST_HASH, Deed, Entry, chained
from services.identity.domain.errors import ApplicationPending
from services.kernel.errors import StaleVersion


class MemoryApplications:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, application_id: str) -> InstructorApplication | None:
        return copy.deepcopy(self._state.applications.get(application_id))

    def of_user(self, user_id: str) -> InstructorApplication | None:
        found = (each for each in self._state.applications.values() if each.user_id == user_id)
        return copy.deepcopy(next(found, None))

    def add(self, application: InstructorApplication) -> None:
        if self.of_user(application.user_id):
            raise ApplicationPending
        self._keep(application)

    def save(self, application: InstructorApplication) -> None:
        if self._state.applications[application.id].version != application.version:
            raise StaleVersion
        self._keep(application)

    def _keep(self, application: InstructorApplication) -> None:
        application.version += 1
        self._state.announced += application.take_events()
        self._state.applications[application.id] = copy.deepcopy(application)


class MemoryAuditLog:
    def __init__(self, state: State) -> None:
        self._entries = state.audit

    def append(self, deed: Deed) -> None:
        previous = self._entries[-1].hash if self._entries else FIRST_HASH
        number = len(self._entries) + 1
        self._entries.append(Entry(number, deed, chained(previous, number, deed)))
