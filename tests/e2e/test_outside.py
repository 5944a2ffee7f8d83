"""What the outside world is refused: internal calls, other people's things, bad tokens, malformed input."""

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import pytest
from campus.identity.v1.auth_service_pb2 import LoginRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.profile_service_pb2 import GetProfileRequest
from campus.identity.v1.profile_service_pb2_grpc import ProfileServiceStub

from deploy.local import journey
from deploy.local.journey import Student
from deploy.local.mesh import Mesh
from deploy.local.rest import Json, Refused, Rest
from gateway.contract import Audience, Rpc, load
from tests.e2e.conftest import Forge

CONTRACT = load(Path(__file__).parents[2] / "gen" / "descriptors.binpb")
INTERNAL = [rpc for rpc in CONTRACT.rpcs if rpc.access.audience is Audience.SERVICES]
GUARDED = [rpc for rpc in CONTRACT.reachable if rpc.access.audience is not Audience.PUBLIC]
SOME_ID = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("rpc", INTERNAL, ids=lambda rpc: rpc.name)
def test_an_internal_call_is_refused_in_every_protocol(mesh: Mesh, student: Student, rpc: Rpc) -> None:
    headers = {"authorization": f"Bearer {student.rest.token}", "te": "trailers"}
    for kind in ("application/json", "application/grpc-web+proto"):
        answer = httpx.post(
            mesh.url + rpc.path, headers={**headers, "content-type": kind}, content=b"\0\0\0\0\0", timeout=10
        )
        assert answer.status_code in (404, 405) or answer.headers.get("grpc-status") not in (None, "0")
    with grpc.insecure_channel(mesh.url.removeprefix("http://")) as channel:
        call = channel.unary_unary(rpc.path, lambda data: data, lambda data: data)
        for metadata in ((), (("authorization", headers["authorization"]),)):
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", metadata=metadata, timeout=10)
            assert isinstance(caught.value, grpc.Call)
            assert caught.value.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAUTHENTICATED)


def paths_of(rpc: Rpc) -> list[tuple[str, str]]:
    found = []
    for binding in rpc.bindings:
        path = binding.template
        for variable in binding.variables:
            path = path.replace(f"{{{variable}}}", SOME_ID)
        found.append((binding.verb, path))
    return found


@pytest.mark.parametrize("rpc", GUARDED, ids=lambda rpc: rpc.name)
def test_without_a_token_or_with_a_bad_one_nothing_but_public_calls_is_answered(
    rest: Rest,
    forge: Forge,
    student: Student,
    rpc: Rpc,
) -> None:
    now = int(time.time())
    good = student.rest.token
    bad = {
        "": "TOKEN_MISSING",
        "Bearer not.a.token": "TOKEN_INVALID",
        f"Bearer {good[:-4]}AAAA": "TOKEN_INVALID",
        f"Bearer {forge.token(good, exp=now - 120)}": "TOKEN_EXPIRED",
        f"Bearer {forge.token(good, exp=None)}": "TOKEN_INVALID",
        f"Bearer {forge.token(good, iss='https://elsewhere')}": "TOKEN_INVALID",
    }
    for verb, path in paths_of(rpc):
        for authorization, reason in bad.items():
            headers = {"authorization": authorization} if authorization else {}
            body: Json = {} if verb == "GET" else {"json": {}}
            refusal = journey.refused(lambda v=verb, p=path, h=headers, b=body: rest.raw(v, p, headers=h, **b))  # type: ignore[misc]
            assert (refusal.status, refusal.reason) == (401, reason), (verb, path)


def test_a_student_is_no_instructor_and_no_admin(student: Student) -> None:
    for path, body in (
        ("/api/courses", {"title": "Mine", "price": {"currency": "EUR", "amountMinor": "0"}}),
        ("/api/notifications/send", {"userId": student.user_id, "subject": "x", "message": "x"}),
    ):
        refusal = journey.refused(lambda p=path, b=body: student.rest.post(p, b))  # type: ignore[misc]
        assert (refusal.status, refusal.reason) == (403, "ACCESS_DENIED")


def test_other_peoples_things_do_not_exist(student: Student, other: Student, free_course: Json) -> None:
    enrollment = student.rest.post("/api/enrollments/enroll", {"courseId": free_course["courseId"]})
    lessons = journey.lessons_of(student.rest, free_course["courseId"])
    journey.study(student.rest, enrollment, lessons)
    certificate = journey.await_certificate(student.rest, free_course["courseId"])
    notification = journey.await_notification(student.rest, "NOTIFICATION_KIND_CERTIFICATE_ISSUED")
    enrollment_id, certificate_id = enrollment["enrollmentId"], certificate["certificateId"]
    first_done = journey.operation(lessons[0], {"completed": {}})
    calls: dict[str, list[Callable[[str], object]]] = {
        "ENROLLMENT_NOT_FOUND": [
            lambda one: other.rest.get(f"/api/enrollments/{one or enrollment_id}"),
            lambda one: other.rest.get(f"/api/progress/{one or enrollment_id}"),
            lambda one: other.rest.post(
                f"/v1/enrollments/{one or enrollment_id}/progress", {"operations": [first_done]}
            ),
            lambda one: other.rest.post(f"/v1/enrollments/{one or enrollment_id}/heartbeat", {"operation": first_done}),
        ],
        "CERTIFICATE_NOT_FOUND": [
            lambda one: other.rest.get(f"/v1/certificates/{one or certificate_id}"),
            lambda one: other.rest.raw("GET", f"/api/certificates/{one or certificate_id}/download"),
            lambda one: other.rest.post(f"/v1/certificates/{one or certificate_id}:link"),
        ],
        "NOTIFICATION_NOT_FOUND": [
            lambda one: other.rest.post(f"/v1/notifications/{one or notification['notificationId']}:read"),
        ],
    }
    for reason, asked in calls.items():
        for call in asked:
            foreign, missing = (journey.refused(lambda c=call, o=one: c(o)) for one in ("", SOME_ID))  # type: ignore[misc]
            assert (foreign.status, foreign.reason) == (missing.status, missing.reason) == (404, reason)
    assert other.rest.get("/v1/enrollments").get("enrollments", []) == []
    assert other.rest.get("/api/user/certificates").get("certificates", []) == []


def test_a_foreign_payment_does_not_exist(student: Student, other: Student, paid_course: Json) -> None:
    checkout = journey.start_checkout(student.rest, paid_course["courseId"])
    refusal = journey.refused(lambda: journey.payment_of(other.rest, checkout))
    assert (refusal.status, refusal.reason) == (404, "PAYMENT_NOT_FOUND")
    transaction_id = checkout["transactionId"]
    found = student.rest.get("/api/payment/gateway/status", transaction_id=transaction_id)
    assert found["transactionId"] == transaction_id


def test_a_session_that_ended_is_refused_by_every_service_within_seconds(student: Student) -> None:
    student.rest.post("/v1/sessions:logout")
    start = time.monotonic()
    asked = ("/v1/profile", "/v1/enrollments", "/v1/payments", "/v1/certificates", "/v1/notifications")
    for path in asked:

        def look(path: str = path) -> bool:
            try:
                student.rest.get(path)
            except Refused as refusal:
                return refusal.reason == "SESSION_REVOKED"
            return False

        journey.eventually(look, f"refusal by {path}", patience=5)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"identifier": "\xff\xfe", "password": "x"}', "application/json"),
        (b"{not json", "application/json"),
        (b"[" * 10_000, "application/json"),
        (b'{"identifier": "a\\u0000b", "password": "x"}', "application/json"),
        (b'{"identifier": {"a": 1}, "password": "x"}', "application/json"),
    ],
)
def test_malformed_input_is_the_callers_fault(mesh: Mesh, body: bytes, content_type: str) -> None:
    answer = httpx.post(
        f"{mesh.url}/v1/sessions:login", content=body, headers={"content-type": content_type}, timeout=10
    )
    assert answer.status_code == 400, answer.text
    found = answer.json()
    assert found["code"] == 3
    assert found["details"][0]["reason"] in ("INVALID_REQUEST", "REQUEST_MALFORMED")


@pytest.mark.parametrize("path", ["/v1/courses?page_token=%ff%fe", "/v1/courses/%ff", "/v1/courses?no_such_filter=1"])
def test_malformed_addresses_are_the_callers_fault(mesh: Mesh, path: str) -> None:
    answer = httpx.get(mesh.url + path, timeout=10)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["code"] in (3, 5)


def test_a_body_that_is_too_large_is_refused_and_says_so(mesh: Mesh) -> None:
    body = b'{"identifier": "' + b"a" * (2 << 20) + b'"}'
    answer = httpx.post(f"{mesh.url}/v1/sessions:login", content=body, timeout=10)
    assert answer.status_code == 413
    assert answer.json()["details"][0]["reason"] == "BODY_TOO_LARGE"


def test_wrong_fields_are_named(rest: Rest) -> None:
    wrong = {"email": "no address", "password": "short", "name": ""}
    refusal = journey.refused(lambda: rest.post("/api/auth/user/register", wrong))
    assert (refusal.status, refusal.reason) == (400, "INVALID_REQUEST")
    assert {"email", "password", "name"} <= set(refusal.fields)


def test_the_same_over_grpc(mesh: Mesh, student: Student) -> None:
    with grpc.insecure_channel(mesh.url.removeprefix("http://")) as channel:
        session = AuthServiceStub(channel).Login(
            LoginRequest(identifier=student.email, password=journey.PASSWORD), timeout=10
        )
        metadata = (("authorization", f"Bearer {session.access_token}"),)
        profile = ProfileServiceStub(channel).GetProfile(GetProfileRequest(), metadata=metadata, timeout=10)
        assert profile.user_id == student.user_id
        with pytest.raises(grpc.RpcError) as caught:
            AuthServiceStub(channel).Login(LoginRequest(identifier=student.email, password="wrong"), timeout=10)
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
