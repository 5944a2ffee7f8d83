"""The store in memory, for tests; held to the same suite as the one in PostgreSQL."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from services.certification.domain.certificate import Certificate
from services.certification.domain.document import Document
from services.chassis.memory import MemoryState, MemoryTransactions
from services.kernel.errors import StaleVersion


@dataclass
class Memory(MemoryState):
    certificates: dict[str, Certificate] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)


class MemoryStore(MemoryTransactions[Memory]):
    def __init__(self) -> None:
        super().__init__(Memory())

    @contextmanager
    def begin(self) -> Iterator["MemoryTx"]:
        with self.begin_state() as state:
            yield MemoryTx(state)


class MemoryTx:
    def __init__(self, state: Memory) -> None:
        self.certificates = MemoryCertificates(state)
        self.documents = MemoryDocuments(state)


class MemoryCertificates:
    def __init__(self, state: Memory) -> None:
        self._state = state

    def get(self, certificate_id: str) -> Certificate | None:
        return copy.deepcopy(self._state.certificates.get(certificate_id))

    def of_learner(self, user_id: str, course_id: str) -> Certificate | None:
        all_of_them = self._state.certificates.values()
        return copy.deepcopy(next((c for c in all_of_them if (c.user_id, c.course_id) == (user_id, course_id)), None))

    def add(self, certificate: Certificate) -> bool:
        if self.of_learner(certificate.user_id, certificate.course_id):
            return False
        self._state.due[certificate.id] = certificate.issued_at
        self._keep(certificate)
        return True

    def save(self, certificate: Certificate) -> None:
        if self._state.certificates[certificate.id].version != certificate.version:
            raise StaleVersion
        self._keep(certificate)

    def _keep(self, certificate: Certificate) -> None:
        certificate.version += 1
        self._state.announced += certificate.take_events()
        self._state.certificates[certificate.id] = copy.deepcopy(certificate)


class MemoryDocuments:
    def __init__(self, state: Memory) -> None:
        self._state = state

    def get(self, certificate_id: str) -> Document | None:
        return self._state.documents.get(certificate_id)

    def take_due(self, now: datetime, until: datetime) -> str | None:
        waiting = sorted((due, id_) for id_, due in self._state.due.items() if due <= now)
        for _, certificate_id in waiting[:1]:
            self._state.due[certificate_id] = until
            return certificate_id
        return None

    def record(self, document: Document, now: datetime) -> Document:
        self._state.due.pop(document.certificate_id, None)
        return self._state.documents.setdefault(document.certificate_id, document)
