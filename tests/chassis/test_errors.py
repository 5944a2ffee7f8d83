"""A refusal crosses the wire and is the same refusal on the other side."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from services.chassis.errors import InvalidRequest, Overloaded, refusal_of, status_of
from services.kernel.errors import CampusError, DependencyUnavailable, Kind, Refused


class CourseNotFound(CampusError):
    kind = Kind.NOT_FOUND
    domain = "campus.catalog"
    message = "there is no such course"


class Answer(grpc.RpcError, grpc.Call):
    """What a client's call raises: the status as it came over the wire."""

    def __init__(self, status: grpc.Status) -> None:
        self._status = status

    def code(self) -> grpc.StatusCode:
        return self._status.code

    def details(self) -> str:
        return str(self._status.details)

    def trailing_metadata(self) -> Any:
        return self._status.trailing_metadata

    def initial_metadata(self) -> Any:
        return ()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> float:
        return 0.0

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Any) -> bool:
        return False


def details(status: grpc.Status) -> status_pb2.Status:
    return status_pb2.Status.FromString(dict(status.trailing_metadata or ())["grpc-status-details-bin"])  # type: ignore[arg-type]


def test_a_refusal_is_rebuilt_with_reason_domain_and_metadata() -> None:
    rebuilt = refusal_of(Answer(status_of(CourseNotFound(course_id="c1"))))
    assert isinstance(rebuilt, Refused)
    assert (rebuilt.refused_kind, rebuilt.reason) == (Kind.NOT_FOUND, "COURSE_NOT_FOUND")
    assert (rebuilt.refused_domain, rebuilt.metadata) == ("campus.catalog", {"course_id": "c1"})
    passed_on = refusal_of(Answer(status_of(rebuilt)))
    assert isinstance(passed_on, Refused)
    assert passed_on.reason == "COURSE_NOT_FOUND"


def test_an_answer_without_a_reason_means_that_the_neighbour_could_not_be_reached() -> None:
    plain = grpc.Status()
    plain.code, plain.details, plain.trailing_metadata = grpc.StatusCode.UNAVAILABLE, "connection refused", ()
    rebuilt = refusal_of(Answer(plain))
    assert isinstance(rebuilt, DependencyUnavailable)
    assert "connection refused" not in str(rebuilt)
    assert isinstance(refusal_of(grpc.RpcError()), DependencyUnavailable)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_status_code(kind: Kind) -> None:
    found = status_of(type("SomethingIsTrue", (CampusError,), {"kind": kind})())
    assert found.code is not grpc.StatusCode.UNKNOWN
    assert details(found).code == found.code.value[0]


def test_what_is_wrong_where_and_when_to_come_back_stands_in_the_details() -> None:
    bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    invalid = details(status_of(InvalidRequest((("course.title", "STRING_MAX_LEN", "at most 100 characters"),))))
    assert invalid.details[1].Unpack(bad)
    assert [(v.field, v.reason) for v in bad.field_violations] == [("course.title", "STRING_MAX_LEN")]
    overloaded = details(status_of(Overloaded()))
    assert overloaded.details[1].Unpack(retry)
    assert retry.retry_delay.ToTimedelta() == timedelta(seconds=1)
