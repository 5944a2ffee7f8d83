"""Entitlements to courses that cost nothing."""

from dataclasses import dataclass

from services.billing.domain.entitlement import Entitlement, Reason, Source, decide
from services.billing.domain.errors import CourseNotAvailable, CourseNotFound, CourseNotFree
from services.billing.ports import Catalog, CourseFacts, Store, Tx
from services.kernel.clock import Clock
from services.kernel.ids import new_id


@dataclass(frozen=True)
class GrantFreeEntitlement:
    user_id: str
    course_id: str


def grant_free_entitlement(command: GrantFreeEntitlement, store: Store, catalog: Catalog, clock: Clock) -> Entitlement:
    with store.begin() as tx:
        if held := _living(command, tx, clock):
            return held
    if available(catalog, command.course_id).price.amount_minor:
        raise CourseNotFree(course_id=command.course_id)
    granted = Entitlement.grant(
        new_id(), user_id=command.user_id, course_id=command.course_id, source=Source.FREE, now=clock()
    )
    with store.begin() as tx:
        if tx.entitlements.add(granted):
            return granted
        # Someone granted it between our look and our write.
        held = _living(command, tx, clock)
        assert held is not None, "what was in the way is living"
        return held


def available(catalog: Catalog, course_id: str) -> CourseFacts:
    course = catalog.course(course_id)
    if course is None:
        raise CourseNotFound(course_id=course_id)
    if not course.published:
        raise CourseNotAvailable(course_id=course_id)
    return course


def _living(command: GrantFreeEntitlement, tx: Tx, clock: Clock) -> Entitlement | None:
    reason, held, _ = decide(tx.entitlements.of(command.user_id, command.course_id), clock())
    return held if reason is Reason.ENTITLED else None
