"""What becomes of an instructor application."""

from datetime import UTC, datetime

import pytest

from services.identity.domain.application import (
    MOST_EVIDENCE,
    Evidence,
    InstructorApplication,
    InstructorApplicationApproved,
    InstructorApplicationRejected,
    InstructorApplicationSubmitted,
    State,
)
from services.identity.domain.errors import (
    AlreadyInstructor,
    ApplicationNotPending,
    ApplicationPending,
    TooMuchEvidence,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DIPLOMA = Evidence("Diploma", "https://example.com/diploma")


def submitted() -> InstructorApplication:
    return InstructorApplication.submit("a1", "u1", "I love it", (DIPLOMA, DIPLOMA), NOW)


def test_a_submitted_application_waits_and_each_link_counts_once() -> None:
    application = submitted()
    assert (application.state, application.evidence) == (State.PENDING, (DIPLOMA,))
    assert application.take_events() == [InstructorApplicationSubmitted(application_id="a1", user_id="u1")]
    with pytest.raises(ApplicationPending):
        application.submit_again("again", (), NOW)


def test_an_approval_is_final_and_announced_once() -> None:
    application = submitted()
    application.take_events()
    assert application.approve(NOW)
    assert not application.approve(NOW)
    assert application.take_events() == [InstructorApplicationApproved(application_id="a1", user_id="u1")]
    with pytest.raises(ApplicationNotPending):
        application.reject("no", NOW)
    with pytest.raises(ApplicationNotPending):
        application.add_evidence(DIPLOMA)
    with pytest.raises(AlreadyInstructor):
        application.submit_again("again", (), NOW)


def test_a_rejection_says_why_and_the_next_application_starts_anew() -> None:
    application = submitted()
    application.take_events()
    assert application.reject("show more", NOW)
    assert not application.reject("show more", NOW)
    assert application.take_events() == [InstructorApplicationRejected(application_id="a1", user_id="u1")]
    with pytest.raises(ApplicationNotPending):
        application.reject("another reason", NOW)
    with pytest.raises(ApplicationNotPending):
        application.approve(NOW)
    application.submit_again("better", (), NOW)
    assert (application.state, application.rejection_comment, application.decided_at) == (State.PENDING, "", None)


def test_there_is_only_so_much_evidence() -> None:
    application = submitted()
    for number in range(MOST_EVIDENCE - 1):
        application.add_evidence(Evidence("More", f"https://example.com/{number}"))
    application.add_evidence(DIPLOMA)
    with pytest.raises(TooMuchEvidence):
        application.add_evidence(Evidence("Too much", "https://example.com/x"))
