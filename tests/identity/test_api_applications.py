"""From wanting to teach to being allowed to, over the wire and by the event of the approval."""

from collections.abc import Callable
from datetime import UTC, datetime

import grpc
import pytest
from campus.identity.v1 import instructor_application_service_pb2 as pb
from campus.identity.v1.admin_user_service_pb2 import GetUserRequest
from campus.identity.v1.admin_user_service_pb2_grpc import AdminUserServiceStub
from campus.identity.v1.events_pb2 import InstructorApplicationApproved
from campus.identity.v1.instructor_application_service_pb2_grpc import InstructorApplicationServiceStub
from campus.identity.v1.profile_service_pb2 import ROLE_INSTRUCTOR, ROLE_STUDENT

from services.chassis.bus import Envelope
from services.chassis.db import Database
from services.identity.adapters.postgres import PostgresStore
from services.identity.consumers import Consumers
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import new_id
from tests.harness.databases import announced
from tests.harness.serving import Served, refused
from tests.identity.conftest import FakeClock
from tests.identity.test_api_administration import ROOT
from tests.identity.test_api_sessions import register

Code = grpc.StatusCode
State = pb.InstructorApplication
DIPLOMA = pb.Evidence(title="Diploma", url="https://example.com/diploma")


def applicant(identity: Served, user_id: str) -> InstructorApplicationServiceStub:
    return identity.as_user(InstructorApplicationServiceStub, user_id)


def admin(identity: Served) -> InstructorApplicationServiceStub:
    return identity.as_user(InstructorApplicationServiceStub, ROOT, "admin")


def submit(identity: Served, user_id: str, request_id: str = "s1") -> pb.InstructorApplication:
    request = pb.SubmitInstructorApplicationRequest(motivation="Algebra", evidence=[DIPLOMA], request_id=request_id)
    return applicant(identity, user_id).SubmitInstructorApplication(request)


def test_an_application_is_submitted_once_and_shown_to_its_user_and_admins(identity: Served) -> None:
    ada, bob = register(identity), register(identity, "bob")
    application = submit(identity, ada)
    assert (application.state, list(application.evidence)) == (State.STATE_PENDING, [DIPLOMA])
    assert submit(identity, ada) == application
    with refused(Code.FAILED_PRECONDITION, "APPLICATION_PENDING"):
        submit(identity, ada, "s2")
    request = pb.GetInstructorApplicationRequest(application_id=application.application_id)
    mine = applicant(identity, ada)
    assert mine.GetInstructorApplication(request) == application
    assert mine.GetMyInstructorApplication(pb.GetMyInstructorApplicationRequest()) == application
    assert admin(identity).GetInstructorApplication(request) == application
    listed = admin(identity).ListInstructorApplications(pb.ListInstructorApplicationsRequest(state=State.STATE_PENDING))
    assert list(listed.applications) == [application]
    approved = pb.ListInstructorApplicationsRequest(state=State.STATE_APPROVED)
    assert not admin(identity).ListInstructorApplications(approved).applications
    theirs = applicant(identity, bob)
    calls: list[Callable[[], object]] = [
        lambda: theirs.GetInstructorApplication(request),
        lambda: theirs.GetMyInstructorApplication(pb.GetMyInstructorApplicationRequest()),
        lambda: theirs.AddApplicationEvidence(
            pb.AddApplicationEvidenceRequest(application_id=application.application_id, evidence=DIPLOMA)
        ),
        lambda: mine.GetInstructorApplication(pb.GetInstructorApplicationRequest(application_id=new_id())),
    ]
    for call in calls:
        with refused(Code.NOT_FOUND, "APPLICATION_NOT_FOUND"):
            call()
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        mine.ListInstructorApplications(pb.ListInstructorApplicationsRequest())


def test_evidence_is_added_while_it_is_pending(identity: Served) -> None:
    ada = register(identity)
    application = submit(identity, ada)
    more = pb.Evidence(title="Talk", url="https://example.com/talk")
    request = pb.AddApplicationEvidenceRequest(application_id=application.application_id, evidence=more)
    for _ in range(2):
        assert list(applicant(identity, ada).AddApplicationEvidence(request).evidence) == [DIPLOMA, more]
    wrong = pb.Evidence(title="x", url="javascript:alert(1)")
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "evidence.url"):
        applicant(identity, ada).AddApplicationEvidence(
            pb.AddApplicationEvidenceRequest(application_id=application.application_id, evidence=wrong)
        )


def test_an_approval_makes_an_instructor_by_its_event_once(
    identity: Served, database: Database, clock: FakeClock
) -> None:
    ada = register(identity)
    application_id = submit(identity, ada).application_id
    request = pb.ApproveInstructorApplicationRequest(application_id=application_id)
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        applicant(identity, ada).ApproveInstructorApplication(request)
    for _ in range(2):
        assert admin(identity).ApproveInstructorApplication(request).state == State.STATE_APPROVED

    def roles() -> list[int]:
        account = identity.as_user(AdminUserServiceStub, ROOT, "admin").GetUser(GetUserRequest(user_id=ada))
        return list(account.user.roles)

    assert roles() == [ROLE_STUDENT]
    event = InstructorApplicationApproved(application_id=application_id, user_id=ada)
    consumers = Consumers(PostgresStore(database.writer), clock)
    event_id = new_id()
    envelope = Envelope(event_id, event.DESCRIPTOR.full_name, datetime.now(UTC), application_id, 2, f"user:{ROOT}")
    (subscription,) = consumers.subscriptions
    with handling("identity", event_id):
        subscription.handler(event, envelope)
    with handling("identity", event_id), pytest.raises(AlreadyHandled):
        subscription.handler(event, envelope)
    assert roles() == [ROLE_STUDENT, ROLE_INSTRUCTOR]
    assert announced(database) == [
        "UserRegistered",
        "InstructorApplicationSubmitted",
        "InstructorApplicationApproved",
        "RolesAssigned",
    ]
    with refused(Code.FAILED_PRECONDITION, "ALREADY_INSTRUCTOR"):
        submit(identity, ada, "s2")


def test_a_rejected_applicant_reads_why_and_may_apply_again(identity: Served) -> None:
    ada = register(identity)
    application_id = submit(identity, ada).application_id
    reject = pb.RejectInstructorApplicationRequest(application_id=application_id, comment="Show a talk")
    admin(identity).RejectInstructorApplication(reject)
    mine = applicant(identity, ada).GetMyInstructorApplication(pb.GetMyInstructorApplicationRequest())
    assert (mine.state, mine.rejection_comment) == (State.STATE_REJECTED, "Show a talk")
    with refused(Code.FAILED_PRECONDITION, "APPLICATION_NOT_PENDING"):
        admin(identity).ApproveInstructorApplication(
            pb.ApproveInstructorApplicationRequest(application_id=application_id)
        )
    again = submit(identity, ada, "s2")
    assert (again.application_id, again.state, again.rejection_comment) == (application_id, State.STATE_PENDING, "")
    assert submit(identity, ada, "s2") == again


def test_nobody_decides_about_themselves(identity: Served) -> None:
    ada = register(identity)
    application_id = submit(identity, ada).application_id
    own = identity.as_user(InstructorApplicationServiceStub, ada, "student", "admin")
    with refused(Code.FAILED_PRECONDITION, "OWN_ACCOUNT"):
        own.ApproveInstructorApplication(pb.ApproveInstructorApplicationRequest(application_id=application_id))
    with refused(Code.FAILED_PRECONDITION, "OWN_ACCOUNT"):
        own.RejectInstructorApplication(
            pb.RejectInstructorApplicationRequest(application_id=application_id, comment="no")
        )
    with refused(Code.NOT_FOUND, "APPLICATION_NOT_FOUND"):
        admin(identity).ApproveInstructorApplication(pb.ApproveInstructorApplicationRequest(application_id=new_id()))
