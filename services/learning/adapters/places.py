"""Whose an enrolment is and what is studied there: read once, remembered, because it never changes."""

import threading

from services.learning.domain.outline import Outline
from services.learning.ports import Place, Store

REMEMBERED = 100_000


class RememberedPlaces:
    """What doesn't exist is not remembered: it may exist a moment later."""

    def __init__(self, store: Store, remembered: int = REMEMBERED) -> None:
        self._store, self._remembered = store, remembered
        self._places: dict[str, Place] = {}
        self._outlines: dict[tuple[str, int], Outline] = {}
        self._lock = threading.Lock()

    def find(self, enrollment_id: str) -> Place | None:
        return self._places.get(enrollment_id) or self._read(enrollment_id)

    def _read(self, enrollment_id: str) -> Place | None:
        with self._store.begin() as tx:
            enrollment = tx.enrollments.get(enrollment_id)
            if enrollment is None:
                return None
            version = (enrollment.course_id, enrollment.course_version)
            outline = self._outlines.get(version) or tx.enrollments.outline(enrollment)
        with self._lock:
            if len(self._places) >= self._remembered:
                self._places.clear()
                self._outlines.clear()
            # All who study one version share its outline.
            self._places[enrollment_id] = Place(enrollment.user_id, self._outlines.setdefault(version, outline))
            return self._places[enrollment_id]
