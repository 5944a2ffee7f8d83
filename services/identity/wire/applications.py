"""Instructor applications between the contract's messages and identity's own types."""

from campus.identity.v1 import instructor_application_service_pb2 as pb

from services.chassis.requests import request_key
from services.identity import commands, queries
from services.identity.domain.application import Evidence, InstructorApplication, State
from services.identity.wire.times import timestamp
from services.kernel.pages import Page, PageRequest

_STATES = {
    State.PENDING: pb.InstructorApplication.STATE_PENDING,
    State.APPROVED: pb.InstructorApplication.STATE_APPROVED,
    State.REJECTED: pb.InstructorApplication.STATE_REJECTED,
}
_STATE_OF = {number: state for state, number in _STATES.items()}


def to_submit(user_id: str, request: pb.SubmitInstructorApplicationRequest) -> commands.SubmitInstructorApplication:
    evidence = tuple(map(to_evidence, request.evidence))
    return commands.SubmitInstructorApplication(user_id, request.motivation, evidence, request_key(request))


def to_evidence(message: pb.Evidence) -> Evidence:
    return Evidence(message.title, message.url)


def to_list(request: pb.ListInstructorApplicationsRequest) -> queries.ListInstructorApplications:
    state = str(_STATE_OF.get(request.state, ""))
    return queries.ListInstructorApplications(state, PageRequest(request.page_size, request.page_token, state))


def application(found: InstructorApplication | queries.ApplicationRow) -> pb.InstructorApplication:
    if isinstance(found, InstructorApplication):
        evidence = [pb.Evidence(title=each.title, url=each.url) for each in found.evidence]
    else:
        evidence = [pb.Evidence(**each) for each in found.evidence]
    message = pb.InstructorApplication(
        application_id=found.id,
        user_id=found.user_id,
        state=_STATES[State(found.state)],
        motivation=found.motivation,
        evidence=evidence,
        rejection_comment=found.rejection_comment,
        submitted_at=timestamp(found.submitted_at),
    )
    if found.decided_at is not None:
        message.decided_at.CopyFrom(timestamp(found.decided_at))
    return message


def applications(page: Page[queries.ApplicationRow]) -> pb.ListInstructorApplicationsResponse:
    listed = map(application, page.rows)
    return pb.ListInstructorApplicationsResponse(applications=listed, next_page_token=page.next_token)
