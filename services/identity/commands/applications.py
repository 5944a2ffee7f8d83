"""Instructor applications: submitted by users, decided by admins; the role follows from the event of the approval."""

from dataclasses import dataclass

from services.identity.commands.deeds import roles_deed
from services.identity.domain.application import Evidence, InstructorApplication
from services.identity.domain.audit import Deed
from services.identity.domain.errors import AlreadyInstructor, ApplicationNotFound, OwnAccount
from services.identity.domain.user import Role, existing
from services.identity.ports import Store, Tx
from services.kernel.clock import Clock
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey


@dataclass(frozen=True)
class SubmitInstructorApplication:
    user_id: str
    motivation: str
    evidence: tuple[Evidence, ...]
    request: RequestKey


def submit_instructor_application(
    command: SubmitInstructorApplication, store: Store, clock: Clock
) -> InstructorApplication:
    now = clock()
    with store.begin() as tx:
        # Held: of two submissions at once the second finds what the first one made.
        user = existing(tx.users.hold(command.user_id))
        application = tx.applications.of_user(user.id)
        # The application outlives its submissions: each of them has an id of its own.
        repeated = tx.requests.claim(command.request, new_id())
        if application and repeated:
            return application
        if Role.INSTRUCTOR in user.roles:
            raise AlreadyInstructor
        if application is None:
            application = InstructorApplication.submit(new_id(), user.id, command.motivation, command.evidence, now)
            tx.applications.add(application)
        else:
            application.submit_again(command.motivation, command.evidence, now)
            tx.applications.save(application)
    return application


@dataclass(frozen=True)
class AddApplicationEvidence:
    user_id: str
    application_id: str
    evidence: Evidence


def add_application_evidence(command: AddApplicationEvidence, store: Store) -> InstructorApplication:
    with store.begin() as tx:
        application = _found(tx, command.application_id)
        if application.user_id != command.user_id:
            raise ApplicationNotFound
        before = application.evidence
        application.add_evidence(command.evidence)
        if before != application.evidence:
            tx.applications.save(application)
    return application


@dataclass(frozen=True)
class ApproveInstructorApplication:
    admin_id: str
    application_id: str


def approve_instructor_application(
    command: ApproveInstructorApplication, store: Store, clock: Clock
) -> InstructorApplication:
    now = clock()
    with store.begin() as tx:
        application = _decidable(tx, command.application_id, command.admin_id)
        before = application.state
        if application.approve(now):
            tx.applications.save(application)
            tx.audit.append(_decision("ApproveInstructorApplication", command.admin_id, application, before, clock))
    return application


@dataclass(frozen=True)
class RejectInstructorApplication:
    admin_id: str
    application_id: str
    comment: str


def reject_instructor_application(
    command: RejectInstructorApplication, store: Store, clock: Clock
) -> InstructorApplication:
    now = clock()
    with store.begin() as tx:
        application = _decidable(tx, command.application_id, command.admin_id)
        before = application.state
        if application.reject(command.comment, now):
            tx.applications.save(application)
            tx.audit.append(_decision("RejectInstructorApplication", command.admin_id, application, before, clock))
    return application


@dataclass(frozen=True)
class AdmitInstructor:
    """What the event of an approval leads to."""

    user_id: str
    actor: str


def admit_instructor(command: AdmitInstructor, store: Store, clock: Clock) -> None:
    with store.begin() as tx:
        user = existing(tx.users.hold(command.user_id))
        before = user.roles
        if Role.INSTRUCTOR not in before:
            user.grant(Role.INSTRUCTOR, clock())
            tx.users.save(user)
            tx.audit.append(roles_deed(command.actor, "AdmitInstructor", user, before, clock()))


def _decision(action: str, admin_id: str, application: InstructorApplication, before: str, clock: Clock) -> Deed:
    was = {"application_id": application.id, "state": str(before)}
    now_is = {"application_id": application.id, "state": str(application.state)}
    return Deed(f"user:{admin_id}", action, application.user_id, was, now_is, clock())


def _decidable(tx: Tx, application_id: str, admin_id: str) -> InstructorApplication:
    application = _found(tx, application_id)
    if application.user_id == admin_id:
        raise OwnAccount
    return application


def _found(tx: Tx, application_id: str) -> InstructorApplication:
    application = tx.applications.get(application_id)
    if application is None:
        raise ApplicationNotFound
    return application
