"""The write side: one frozen dataclass and one function per command."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.kernel.clock import Clock
from services.kernel.errors import StaleVersion
from services.kernel.ids import new_id
from services.learning.domain.enrollment import Enrollment, Entitlement, State
from services.learning.domain.errors import EnrollmentDropped, EnrollmentNotFound, NotEntitled
from services.learning.domain.outline import Outline
from services.learning.domain.progress import Operation, entry
from services.learning.domain.standing import CourseStanding
from services.learning.ports import Billing, Catalog, Heartbeats, Outcome, Places, Record, Store, Tx

# How far the clocks of two services may be apart.
LEEWAY = timedelta(minutes=5)


@dataclass(frozen=True)
class Enroll:
    user_id: str
    course_id: str


def enroll(command: Enroll, store: Store, billing: Billing, catalog: Catalog, clock: Clock) -> Enrollment:
    with store.begin() as tx:
        found = tx.enrollments.of_learner(command.user_id, command.course_id)
    if found is not None and found.state is not State.DROPPED:
        return found
    entitlement = billing.live_entitlement(command.user_id, command.course_id)
    entitlement = entitlement or billing.grant_free(command.user_id, command.course_id)
    outline = catalog.latest_outline(command.course_id)
    with store.begin() as tx:
        enrollment = _admitted(tx, command.user_id, outline, entitlement, clock)
    if enrollment is None:
        raise NotEntitled(course_id=command.course_id)
    return enrollment


@dataclass(frozen=True)
class Admit:
    """Billing has granted an entitlement."""

    user_id: str
    course_id: str
    entitlement: Entitlement
    not_before: datetime
    not_after: datetime | None


def admit(command: Admit, store: Store, catalog: Catalog, clock: Clock) -> None:
    """Enrols the learner, or does nothing if the entitlement holds no longer or not yet: who has to wait for theirs
    enrols when the time has come."""
    now = clock()
    if command.not_before > now + LEEWAY or (command.not_after is not None and command.not_after <= now):
        return
    outline = catalog.latest_outline(command.course_id)
    with store.begin() as tx:
        _admitted(tx, command.user_id, outline, command.entitlement, clock)


def _admitted(tx: Tx, user_id: str, outline: Outline, entitlement: Entitlement, clock: Clock) -> Enrollment | None:
    """The learner's enrolment, resting on this entitlement; None if that was taken back meanwhile."""
    enrollment = tx.enrollments.of_learner(user_id, outline.course_id)
    if entitlement.id in tx.revocations:
        return None
    if enrollment is None:
        enrollment = Enrollment.enrol(new_id(), user_id, outline, entitlement, clock())
        tx.enrollments.add(enrollment, outline)
    elif enrollment.rest_on(entitlement):
        tx.enrollments.save(enrollment)
    return enrollment


@dataclass(frozen=True)
class Withdraw:
    """Billing has taken an entitlement back."""

    user_id: str
    course_id: str
    entitlement_id: str


def withdraw(command: Withdraw, store: Store, billing: Billing, clock: Clock) -> None:
    """Drops the enrolment that rests on the entitlement, unless it can rest on another one."""
    other = billing.live_entitlement(command.user_id, command.course_id)
    with store.begin() as tx:
        enrollment = tx.enrollments.of_learner(command.user_id, command.course_id)
        tx.revocations.add(command.entitlement_id, clock())
        if enrollment is None or enrollment.entitlement_id != command.entitlement_id:
            return
        if other is None:
            enrollment.drop()
        elif other.id in tx.revocations:
            # Billing's answer is older than what we know: ask again.
            raise StaleVersion
        else:
            enrollment.rest_on(other)
        tx.enrollments.save(enrollment)


@dataclass(frozen=True)
class RecordProgress:
    user_id: str
    enrollment_id: str
    operations: tuple[Operation, ...]


def record_progress(command: RecordProgress, store: Store, clock: Clock) -> CourseStanding:
    with store.begin() as tx:
        found = tx.enrollments.get(command.enrollment_id)
        if found is None or found.user_id != command.user_id:
            raise EnrollmentNotFound(enrollment_id=command.enrollment_id)
        outline = tx.enrollments.outline(found)
        records = [Record(found.id, entry(operation, outline)) for operation in command.operations]
        if Outcome.DROPPED in tx.progress.record(records, clock()):
            raise EnrollmentDropped(enrollment_id=found.id)
        return tx.progress.standing(found.id)


@dataclass(frozen=True, slots=True)
class RecordHeartbeat:
    user_id: str
    enrollment_id: str
    operation: Operation


def record_heartbeat(command: RecordHeartbeat, places: Places, heartbeats: Heartbeats) -> bool:
    """Whether the operation had been recorded before. Asks neither the database nor a neighbour about the enrolment."""
    place = places.find(command.enrollment_id)
    if place is None or place.user_id != command.user_id:
        raise EnrollmentNotFound(enrollment_id=command.enrollment_id)
    outcome = heartbeats.record(Record(command.enrollment_id, entry(command.operation, place.outline)))
    if outcome is Outcome.DROPPED:
        raise EnrollmentDropped(enrollment_id=command.enrollment_id)
    return outcome is Outcome.DUPLICATE
