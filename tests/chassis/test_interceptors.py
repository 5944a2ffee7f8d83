"""What every call passes, seen from a client: errors, deadlines, access, validation, trace."""

import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import grpc
import pytest
from campus.identity.v1 import auth_service_pb2, auth_service_pb2_grpc
from campus.identity.v1.identity_internal_service_pb2 import (
    BatchGetUsersRequest,
    BatchGetUsersResponse,
    ConfirmErasureRequest,
    ConfirmErasureResponse,
)
from campus.identity.v1.identity_internal_service_pb2_grpc import (
    IdentityInternalServiceServicer,
    IdentityInternalServiceStub,
)
from campus.identity.v1.profile_service_pb2 import User
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from prometheus_client import REGISTRY

from deploy.local.pki import Pki
from services.chassis import server, telemetry
from services.chassis.access import principal
from services.chassis.clients import Neighbour
from services.chassis.errors import DeadlineTooShort
from services.chassis.interceptors import serialised, time_left
from services.identity import commands, queries
from services.kernel.errors import DependencyUnavailable, Kind, Refused, StaleVersion
from services.kernel.ids import new_id
from tests.harness.serving import Served, refused, served

Code = grpc.StatusCode
AuthServiceStub = auth_service_pb2_grpc.AuthServiceStub
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


KEPT = auth_service_pb2.Session(session_id="earlier", user_id="u1")


class Probe(auth_service_pb2_grpc.AuthServiceServicer):
    """Answers with what the chain gave it, or fails as its caller asks."""

    def Register(self, request: auth_service_pb2.RegisterRequest, context: grpc.ServicerContext) -> Any:
        return User(user_id=request.request_id, name=f"{time_left():.1f}")

    def Login(self, request: auth_service_pb2.LoginRequest, context: grpc.ServicerContext) -> Any:
        match request.identifier:
            case "leak":
                raise ValueError(f"SELECT * FROM users WHERE password = {request.password}")
            case "refuse":
                raise StaleVersion(field="etag", seen="3")
            case "abort":
                context.abort(grpc.StatusCode.DATA_LOSS, "said by the handler itself")
            case "kept":
                return serialised(KEPT.SerializeToString() + b"\x0a\x05later", auth_service_pb2.Session)
        return auth_service_pb2.Session(session_id=telemetry.current_trace().correlation_id)

    def RefreshSession(self, request: auth_service_pb2.RefreshSessionRequest, context: grpc.ServicerContext) -> Any:
        return auth_service_pb2.Session(access_token=telemetry.current_trace().traceparent)

    def Logout(self, request: auth_service_pb2.LogoutRequest, context: grpc.ServicerContext) -> Any:
        assert telemetry.current_trace().actor == principal().name == "user:u1"
        return auth_service_pb2.LogoutResponse()


class Internal(IdentityInternalServiceServicer):
    calls = 0

    def BatchGetUsers(self, request: BatchGetUsersRequest, context: grpc.ServicerContext) -> BatchGetUsersResponse:
        Internal.calls += 1
        assert principal().name == "service:billing"
        if len(request.user_ids) == 2:
            raise StaleVersion(seen="3")
        if len(request.user_ids) == 3:
            time.sleep(0.3)
        return BatchGetUsersResponse()

    def ConfirmErasure(self, request: ConfirmErasureRequest, context: grpc.ServicerContext) -> ConfirmErasureResponse:
        raise AssertionError("nobody asks for it here")


@pytest.fixture
def probe(pki: Pki) -> Iterator[Served]:
    with served([Probe(), Internal()], commands, queries, pki) as found:
        yield found


def login(identifier: str, password: str = "any") -> auth_service_pb2.LoginRequest:
    return auth_service_pb2.LoginRequest(identifier=identifier, password=password)


def test_nothing_of_an_unexpected_exception_leaves_the_process(probe: Served) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        probe.anonymous(AuthServiceStub).Login(login("leak", "hunter22"))
    assert isinstance(caught.value, grpc.Call)
    status = rpc_status.from_call(caught.value)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason) == (Code.INTERNAL.value[0], "INTERNAL_FAULT")
    assert info.metadata["error_id"]
    said = status.SerializeToString()
    assert not any(secret in said for secret in (b"SELECT", b"hunter22", b"ValueError"))


def test_the_error_id_is_found_in_the_log(probe: Served, caplog: pytest.LogCaptureFixture) -> None:
    with refused(Code.INTERNAL, "INTERNAL_FAULT"):
        probe.anonymous(AuthServiceStub).Login(login("leak", "hunter22"))
    (record,) = [record for record in caplog.records if record.name == "campus.rpc"]
    assert record.fields["rpc"].endswith("AuthService.Login")  # type: ignore[attr-defined]
    assert record.fields["error_id"]  # type: ignore[attr-defined]
    assert "hunter22" not in telemetry.JsonLines("identity").format(record)


def test_a_refusal_reaches_the_caller_with_its_reason(probe: Served) -> None:
    with refused(Code.ABORTED, "STALE_VERSION", "etag"):
        probe.anonymous(AuthServiceStub).Login(login("refuse"))


def test_what_a_handler_aborts_itself_is_left_as_it_is(probe: Served) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        probe.anonymous(AuthServiceStub).Login(login("abort"))
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is Code.DATA_LOSS


def test_a_response_in_wire_form_is_sent_as_it_is(probe: Served) -> None:
    raw = probe.channel("gateway").unary_unary(
        "/campus.identity.v1.AuthService/Login", auth_service_pb2.LoginRequest.SerializeToString, lambda data: data
    )
    sent = KEPT.SerializeToString() + b"\x0a\x05later"
    assert raw(login("kept")) == sent
    assert probe.anonymous(AuthServiceStub).Login(login("kept")).session_id == "later"


def test_bytes_that_are_no_message_are_the_callers_fault(probe: Served) -> None:
    channel = probe.channel("gateway")
    raw = channel.unary_unary("/campus.identity.v1.AuthService/Login", lambda data: data, lambda data: data)
    for wrong in (b"\x0a\x02\xff\xfe", b"\xff\xff\xff", b"\x0a\x7f"):
        with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST"):
            raw(wrong)


def test_every_field_at_fault_is_named(probe: Served) -> None:
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "email"):
        probe.anonymous(AuthServiceStub).Register(auth_service_pb2.RegisterRequest(email="x", password="y", name="z"))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "password"):
        probe.anonymous(AuthServiceStub).Register(auth_service_pb2.RegisterRequest(email="x", password="y", name="z"))


def test_a_request_id_in_the_message_goes_before_the_header(probe: Served) -> None:
    auth = probe.anonymous(AuthServiceStub, ("idempotency-key", "from-the-header"))
    request = auth_service_pb2.RegisterRequest(email="a@example.com", password="12345678", name="A")
    assert auth.Register(request).user_id == "from-the-header"
    request.request_id = "from-the-message"
    assert auth.Register(request).user_id == "from-the-message"


def test_a_call_has_a_deadline_also_when_its_caller_set_none(probe: Served) -> None:
    request = auth_service_pb2.RegisterRequest(email="a@example.com", password="12345678", name="A")
    auth = probe.anonymous(AuthServiceStub)
    assert 9.0 < float(auth.Register(request).name) <= 10.0
    assert 1.0 < float(auth.Register(request, timeout=2).name) <= 2.0


def test_the_callers_trace_and_correlation_id_are_joined(probe: Served) -> None:
    auth = probe.anonymous(AuthServiceStub, ("traceparent", PARENT), ("x-request-id", "req-1"))
    assert auth.Login(login("a")).session_id == "req-1"
    refresh = auth_service_pb2.RefreshSessionRequest(refresh_token="t" * 43)
    assert auth.RefreshSession(refresh).access_token == PARENT


def test_the_caller_is_known_to_the_handler(probe: Served) -> None:
    probe.as_user(AuthServiceStub, "u1").Logout(auth_service_pb2.LogoutRequest())
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        probe.anonymous(AuthServiceStub).Logout(auth_service_pb2.LogoutRequest())
    with refused(Code.UNAUTHENTICATED, "TOKEN_INVALID"):
        probe.with_token(AuthServiceStub, "junk").Login(login("a"))


def test_a_service_is_known_by_its_certificate_and_a_users_token_is_no_substitute(probe: Served) -> None:
    request = BatchGetUsersRequest(user_ids=[new_id()])
    probe.as_service(IdentityInternalServiceStub, "billing").BatchGetUsers(request)
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        probe.anonymous(IdentityInternalServiceStub).BatchGetUsers(request)
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        probe.as_user(IdentityInternalServiceStub, "u1", "admin").BatchGetUsers(request)


def test_without_a_certificate_of_the_mesh_there_is_no_connection(probe: Served, pki: Pki) -> None:
    channel = grpc.secure_channel(probe.address, grpc.ssl_channel_credentials(pki.ca_cert.read_bytes()))
    with pytest.raises(grpc.RpcError) as caught:
        AuthServiceStub(channel).Login(login("a"), timeout=5)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is Code.UNAVAILABLE


def test_calls_are_counted_by_method_and_code(probe: Served) -> None:
    labels = {"rpc": "campus.identity.v1.AuthService.Login", "code": "ABORTED"}
    before = REGISTRY.get_sample_value("campus_rpc_total", labels) or 0
    with refused(Code.ABORTED, "STALE_VERSION"):
        probe.anonymous(AuthServiceStub).Login(login("refuse"))
    deadline = time.monotonic() + 5
    while REGISTRY.get_sample_value("campus_rpc_total", labels) != before + 1:
        assert time.monotonic() < deadline


@pytest.fixture
def neighbour(probe: Served, pki: Pki) -> Iterator[Neighbour]:
    files = pki.of("billing")
    found = Neighbour("identity", probe.address, cert=str(files.cert), key=str(files.key), ca=str(files.ca))
    yield found
    found.close()


def users(count: int) -> BatchGetUsersRequest:
    return BatchGetUsersRequest(user_ids=[new_id() for _ in range(count)])


def test_a_neighbours_refusal_is_our_typed_error(neighbour: Neighbour) -> None:
    stub = IdentityInternalServiceStub(neighbour.channel)
    assert neighbour.call(stub.BatchGetUsers, users(1)) == BatchGetUsersResponse()
    with pytest.raises(Refused) as refusal:
        neighbour.call(stub.BatchGetUsers, users(2))
    assert (refusal.value.refused_kind, refusal.value.reason) == (Kind.CONFLICT, "STALE_VERSION")
    assert refusal.value.metadata == {"seen": "3"}


def test_a_neighbour_that_takes_too_long_is_given_up(neighbour: Neighbour) -> None:
    stub = IdentityInternalServiceStub(neighbour.channel)
    start = time.monotonic()
    with pytest.raises(DependencyUnavailable):
        neighbour.call(stub.BatchGetUsers, users(3), cap_seconds=0.1)
    assert time.monotonic() - start < 0.25
    with pytest.raises(DeadlineTooShort):
        neighbour.call(stub.BatchGetUsers, users(1), cap_seconds=-1)


def test_a_neighbour_that_is_someone_else_is_not_talked_to(probe: Served, pki: Pki) -> None:
    files = pki.of("billing")
    wrong = Neighbour("catalog", probe.address, cert=str(files.cert), key=str(files.key), ca=str(files.ca))
    before = Internal.calls
    with pytest.raises(DependencyUnavailable):
        wrong.call(IdentityInternalServiceStub(wrong.channel).BatchGetUsers, users(1), cap_seconds=1)
    assert Internal.calls == before
    wrong.close()


def test_any_service_answers_reflection_for_the_whole_public_mesh(probe: Served) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(probe.channel("gateway"))
    asked = reflection_pb2.ServerReflectionRequest
    listing, described = stub.ServerReflectionInfo(
        iter([asked(list_services=""), asked(file_containing_symbol="campus.billing.v1.PaymentService")])
    )
    names = {each.name for each in listing.list_services_response.service}
    assert {"campus.billing.v1.PaymentService", "campus.messaging.v1.NotificationService"} <= names
    assert not any(name.endswith("InternalService") for name in names)
    assert described.file_descriptor_response.file_descriptor_proto


def test_health_follows_the_services_own_checks() -> None:
    state = {"database": True, "nats": True}
    health = server.Health({name: lambda name=name: state[name] for name in state}, needed=["database"])  # type: ignore[misc]

    def said(name: str) -> int:
        servicer: Any = health.servicer
        status: int = servicer.Check(health_pb2.HealthCheckRequest(service=name), None).status
        return status

    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert said("") == said("nats") == serving
    state["nats"] = False
    health.check()
    assert (said(""), said("nats")) == (serving, not_serving)
    state.pop("database")  # the check itself fails
    health.check()
    assert said("") == not_serving
    health.drain()
    state["database"] = True
    health.check()
    assert said("") == not_serving


def test_health_needs_no_token(probe: Served) -> None:
    stub: Any = health_pb2_grpc.HealthStub(probe.channel("gateway"))
    assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_a_service_with_an_rpc_that_has_no_function_does_not_start() -> None:
    methods = [m for s in server.services_of(["campus.identity.v1.AuthService"]) for m in s.methods]
    nothing = ModuleType("nothing")
    assert server.refusals_to_start(methods, commands, queries) == []
    found = server.refusals_to_start(methods, nothing, nothing)
    assert len(found) == 4
    assert "campus.identity.v1.AuthService.Login has no function login in commands or queries" in found
