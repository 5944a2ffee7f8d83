"""gRPC and gRPC-Web on the same port, and what no protocol reaches."""

import base64
import queue
import ssl
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.gateway.calls import PROBE_SERVICE, SECRET, Answer, assert_refused, native, web
from tests.gateway.conftest import Mesh

THING = "campus.probe.v1.Thing"


def get(mesh: Mesh, thing_id: str) -> object:
    return mesh.messages["campus.probe.v1.GetThingRequest"](thing_id=thing_id)


def test_native_call_and_its_refusals(mesh: Mesh) -> None:
    assert native(mesh, f"{PROBE_SERVICE}/GetThing", get(mesh, "abc"), THING).thing_id == "abc"
    refused = native(mesh, f"{PROBE_SERVICE}/GetThing", get(mesh, "missing"), THING)
    assert refused == Answer(grpc.StatusCode.NOT_FOUND, "the thing says THING_NOT_FOUND", ("THING_NOT_FOUND",))


@pytest.mark.parametrize(("life", "reason"), [(None, "TOKEN_MISSING"), (-30, "TOKEN_EXPIRED"), (600, None)])
def test_native_callers_need_tokens_too(mesh: Mesh, life: float | None, reason: str | None) -> None:
    metadata = {} if life is None else mesh.signer.bearer(life=life)
    request = mesh.messages["campus.probe.v1.ListMyThingsRequest"]()
    answer = native(
        mesh, f"{PROBE_SERVICE}/ListMyThings", request, "campus.probe.v1.ListMyThingsResponse", metadata=metadata
    )
    if reason is None:
        assert answer.things[0].thing_id == "mine"
    else:
        assert answer.code is grpc.StatusCode.UNAUTHENTICATED
        assert answer.reasons == (reason,)


def test_native_stream(mesh: Mesh) -> None:
    with grpc.insecure_channel(mesh.edge.target) as channel:
        watch: Any = channel.unary_stream(
            f"{PROBE_SERVICE}/WatchThings",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=mesh.messages[THING].FromString,
        )
        request = mesh.messages["campus.probe.v1.WatchThingsRequest"](changes=3)
        seen = [thing.thing_id for thing in watch(request, metadata=tuple(mesh.signer.bearer().items()), timeout=10)]
    assert seen == ["change-0", "change-1", "change-2"]


def test_native_deadline_passes_through_and_reaches_the_service(mesh: Mesh) -> None:
    thing = native(mesh, f"{PROBE_SERVICE}/GetThing", get(mesh, "abc"), THING, timeout=25)
    assert 23 <= thing.number <= 25
    late = native(mesh, f"{PROBE_SERVICE}/GetThing", get(mesh, "slow"), THING, timeout=0.5)
    assert late.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_native_body_limit(mesh: Mesh) -> None:
    request = mesh.messages["campus.probe.v1.CreateThingRequest"](request_id="a" * 1_200_000)
    answer = native(mesh, f"{PROBE_SERVICE}/CreateThing", request, THING, metadata=mesh.signer.bearer())
    assert answer.reasons == ("BODY_TOO_LARGE",)


@pytest.mark.parametrize("text", [False, True])
def test_grpc_web_call(mesh: Mesh, text: bool) -> None:
    response = web(mesh, f"{PROBE_SERVICE}/GetThing", b"\x0a\x03abc", {}, text=text)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/grpc-web")
    body = response.content if not text else decoded(response.content)
    size = int.from_bytes(body[1:5], "big")
    assert mesh.messages[THING].FromString(body[5 : 5 + size]).thing_id == "abc"
    assert b"grpc-status:0" in body[5 + size :]


def decoded(content: bytes) -> bytes:
    """gRPC-Web text is a row of Base64 pieces, each padded for itself: four characters are always a whole."""
    return b"".join(base64.b64decode(content[at : at + 4]) for at in range(0, len(content), 4))


def test_grpc_web_refusal_bears_status_and_reason(mesh: Mesh) -> None:
    response = web(mesh, f"{PROBE_SERVICE}/ListMyThings", b"", {})
    assert response.headers["grpc-status"] == "16"
    assert "grpc-status-details-bin" in response.headers


def test_internal_rpcs_are_reached_by_no_protocol(mesh: Mesh, client: httpx.Client) -> None:
    bearer = mesh.signer.bearer()
    request = mesh.messages["campus.probe.v1.GetSecretRequest"]()
    assert native(mesh, SECRET, request, THING).code is grpc.StatusCode.UNAUTHENTICATED
    signed_in = native(mesh, SECRET, request, THING, metadata=bearer)
    assert (signed_in.code, signed_in.reasons) == (grpc.StatusCode.UNIMPLEMENTED, ("PATH_NOT_FOUND",))
    for text in (False, True):
        assert web(mesh, SECRET, b"", bearer, text=text).headers["grpc-status"] == "12"
    for method in ("GET", "POST"):
        assert_refused(client.request(method, SECRET, headers=bearer), 404, 5, "PATH_NOT_FOUND")
    assert_refused(client.post(SECRET, json={}, headers=bearer), 404, 5, "PATH_NOT_FOUND")
    assert "GetSecret" not in [name for name, _ in mesh.probe.calls]


def test_public_rpcs_are_not_reached_by_json_at_their_grpc_path(client: httpx.Client) -> None:
    assert_refused(client.post(f"{PROBE_SERVICE}/GetThing", json={"thingId": "a"}), 404, 5, "PATH_NOT_FOUND")


BYPASSES: list[tuple[str, str, dict[str, str]]] = [
    *(
        (method, path, {})
        for method in ("GET", "POST")
        for path in (
            "/v1/things/../things:mine",
            "//v1//things:mine",
            "/v1/./things:mine",
            "/V1/things:mine",
            "/v1/things%3amine",
            "/v1/things:mine/",
            "/v1/things:mine;x=1",
            "/v1/things/%2e%2e/things:mine",
            "/v1/things%2f..%2fthings:mine",
            "/v1/things/..%5cthings:mine",
            "/readyz/../v1/things:mine",
            "/docs/../v1/things:mine",
            "/docs%2f..%2fv1/things:mine",
            "/.well-known/jwks.json/../../v1/things:mine",
            f"{SECRET}",
            f"/{SECRET}",
            f"{SECRET}/",
            f"/docs/..{SECRET}",
            f"{PROBE_SERVICE}/../ProbeInternalService/GetSecret",
            f"/grpc.health.v1.Health/..{SECRET}",
        )
    ),
    *(
        ("POST", path, {"content-type": kind})
        for path in (SECRET, f"{PROBE_SERVICE}/ListMyThings", "/v1/things:mine")
        for kind in (
            "application/grpc",
            "application/grpc+proto",
            "application/grpc+json",
            "application/grpc;x=y",
            "application/GRPC",
            "application/grpcx",
            "application/grpc-web",
            "application/grpc-web-text+proto",
            "application/json",
        )
    ),
    *(
        ("GET", "/v1/things:mine", headers)
        for headers in (
            {"x-http-method-override": "POST"},
            {"x-original-url": "/v1/things/abc"},
            {"x-rewrite-url": "/v1/things/abc"},
            {"x-envoy-original-path": "/v1/things/abc"},
            {"x-forwarded-for": "127.0.0.1"},
            {"host": "identity"},
            {"authorization": "Basic YTpi"},
            {"authorization": "bearer x"},
            {"authorization": "Bearer"},
        )
    ),
]


def test_no_trick_with_paths_headers_or_types_gets_past_the_token(mesh: Mesh) -> None:
    before = len(mesh.probe.calls)
    statuses = []
    with httpx.Client() as client:
        for method, path, headers in BYPASSES:
            # The path goes out as it is written, without httpx's own normalisation.
            url = httpx.URL(mesh.edge.url).copy_with(raw_path=path.encode())
            response = client.send(httpx.Request(method, url, headers=headers))
            statuses.append((response.status_code, response.headers.get("grpc-status")))
    reached = [name for name, _ in mesh.probe.calls[before:]]
    assert not [name for name in reached if name in {"GetSecret", "ListMyThings", "CreateThing"}]
    assert len(BYPASSES) > 70
    assert not [status for status in statuses if status[0] == 200 and status[1] in {None, "0"}]


@pytest.fixture
def channel(mesh: Mesh) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(mesh.edge.target) as channel:
        yield channel


def check_health(channel: grpc.Channel) -> health_pb2.HealthCheckResponse:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer: health_pb2.HealthCheckResponse = stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    return answer


def test_health_needs_no_token(channel: grpc.Channel) -> None:
    answer = check_health(channel)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_needs_no_token(channel: grpc.Channel) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked: queue.Queue[Any] = queue.Queue()
    answers = stub.ServerReflectionInfo(iter(asked.get, None), timeout=5)
    # Two questions on one open stream: each is answered before the next is asked.
    for _ in range(2):
        asked.put(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = next(answers).list_services_response.service
        assert "campus.identity.v1.KeyService" in [service.name for service in listed]
    asked.put(None)


def test_tls_listener_speaks_1_3_only(mesh: Mesh) -> None:
    url = f"https://localhost:{mesh.edge.settings.tls_port}/v1/things/abc"
    trusted = ssl.create_default_context(cafile=mesh.pki.ca_cert)
    with httpx.Client(verify=trusted) as client:
        assert client.get(url).json()["thingId"] == "abc"
    trusted.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=trusted) as client, pytest.raises(httpx.ConnectError):
        client.get(url)


def test_tls_listener_speaks_grpc(mesh: Mesh) -> None:
    credentials = grpc.ssl_channel_credentials(mesh.pki.ca_cert.read_bytes())
    with grpc.secure_channel(f"localhost:{mesh.edge.settings.tls_port}", credentials) as channel:
        answer = check_health(channel)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
