"""REST through the gateway."""

import hashlib
import json

import httpx
import pytest

from tests.gateway.calls import assert_refused
from tests.gateway.conftest import Mesh
from tests.gateway.upstream import FILE_BYTES


def test_path_and_query_become_the_request(client: httpx.Client) -> None:
    thing = client.get("/v1/things/a%20b?kind=KIND_HEAVY&tags=x&tags=y").json()
    assert (thing["thingId"], thing["kind"], thing["tags"]) == ("a b", "KIND_HEAVY", ["x", "y"])


def test_additional_bindings_reach_the_same_rpc(client: httpx.Client) -> None:
    assert client.get("/api/things/abc/look").json()["thingId"] == "abc"


def test_empty_values_are_shown_and_wide_numbers_are_strings(client: httpx.Client) -> None:
    thing = client.get("/v1/things/abc").json()
    assert (thing["parts"], thing["weightGrams"]) == ([], "0")
    assert "note" not in thing


def test_part_of_the_message_as_body(client: httpx.Client, mesh: Mesh) -> None:
    answer = client.patch("/v1/things/abc?updateMask=title,tags", json={"title": "New"}, headers=mesh.signer.bearer())
    assert (answer.json()["thingId"], answer.json()["words"]) == ("abc", "title,tags")


def test_idempotency_key_reaches_the_service_as_metadata(client: httpx.Client, mesh: Mesh) -> None:
    headers = mesh.signer.bearer() | {"Idempotency-Key": "key-7"}
    assert client.post("/v1/things", json={}, headers=headers).json()["seen"]["idempotency-key"] == "key-7"


def test_the_services_own_error_keeps_its_details(client: httpx.Client) -> None:
    info = assert_refused(client.get("/v1/things/missing"), 404, 5, "THING_NOT_FOUND")
    assert info["metadata"] == {"thing_id": "missing"}
    assert info["domain"] == "campus.probe"


@pytest.mark.parametrize(
    ("code", "status"),
    [(2, 500), (3, 400), (4, 504), (5, 404), (6, 409), (7, 403), (8, 429), (9, 400), (10, 409), (11, 400), (12, 501),
     (13, 500), (15, 500), (16, 401)],
)  # fmt: skip
def test_codes_become_http_statuses(client: httpx.Client, code: int, status: int) -> None:
    assert_refused(client.get(f"/v1/things/code-{code}"), status, code, "THING_BROKEN")


def test_an_error_without_details_gets_a_reason_and_a_text_of_ours(client: httpx.Client) -> None:
    response = client.get("/v1/things/bare-13")
    assert_refused(response, 500, 13, "INTERNAL_FAULT")
    assert "inside" not in response.text
    assert int(response.headers["content-length"]) == len(response.content)


def test_an_absent_dependency_is_said_without_its_name(client: httpx.Client) -> None:
    assert_refused(client.post("/v1/things/away:poke", json={}), 503, 14, "DEPENDENCY_UNAVAILABLE")


def test_unknown_path_is_not_found(client: httpx.Client) -> None:
    assert_refused(client.get("/v1/nothing"), 404, 5, "PATH_NOT_FOUND")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "FOO"])
def test_known_path_with_another_method_names_the_right_ones(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/v1/things/abc")
    assert_refused(response, 405, 12, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, PATCH"


def test_custom_verb_is_a_path_of_its_own(client: httpx.Client) -> None:
    response = client.get("/v1/things/abc:poke")
    assert_refused(response, 405, 12, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


def test_head_is_refused_without_a_body(client: httpx.Client) -> None:
    response = client.head("/v1/things/abc")
    assert (response.status_code, response.content) == (405, b"")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/things/abc?nope=1", "nope"),
        ("/v1/things/abc?kind=KIND_ODD", "KIND_ODD"),
        ("/v1/things/%ff", "UTF-8"),
        ("/v1/things/abc?tags=%c3%28", "UTF-8"),
        ("/v1/things/%ed%a0%80", "UTF-8"),
        ("/v1/things/%c0%af", "UTF-8"),
        ("/v1/things/abc?tags=a%00b", "UTF-8"),
        ("/v1/things/a%2fb", "malformed"),
    ],
)
def test_malformed_paths_are_refused(client: httpx.Client, mesh: Mesh, path: str, words: str) -> None:
    before = len(mesh.probe.calls)
    response = client.get(path)
    assert_refused(response, 400, 3, "INVALID_REQUEST")
    assert words in response.json()["message"]
    assert len(mesh.probe.calls) == before


def test_valid_utf8_in_paths_passes(client: httpx.Client) -> None:
    for name in ("é", "学", "🎓"):
        assert client.get(f"/v1/things/{name}").json()["thingId"] == name


@pytest.mark.parametrize(
    "body", [b'{"thing":', b'{"thing":{"title":"\xff"}}', b"[1,2]", b'{"thing":{"weightGrams":"x"}}', b"\x00\x01"]
)
def test_malformed_bodies_are_refused(client: httpx.Client, mesh: Mesh, body: bytes) -> None:
    before = len(mesh.probe.calls)
    assert_refused(client.post("/v1/things", content=body, headers=mesh.signer.bearer()), 400, 3, "INVALID_REQUEST")
    assert len(mesh.probe.calls) == before


def test_body_limit_holds_with_and_without_a_length(client: httpx.Client, mesh: Mesh) -> None:
    big = b'{"thing":{"title":"' + b"a" * 1_200_000 + b'"}}'
    for content in (big, iter([big[:600_000], big[600_000:]])):
        response = client.post("/v1/things", content=content, headers=mesh.signer.bearer())
        assert_refused(response, 413, 8, "BODY_TOO_LARGE")
    inside = b'{"thing":{"title":"' + b"a" * 900_000 + b'"}}'
    assert client.post("/v1/things", content=inside, headers=mesh.signer.bearer()).status_code == 200


def test_raw_request_body_arrives_byte_for_byte(client: httpx.Client) -> None:
    for body, kind in ((bytes(range(256)) * 500, "application/json; charset=utf-8"), (b"", "text/plain")):
        headers = {"content-type": kind, "stripe-signature": "t=1,v1=x", "authorization": "Bearer of-somebody-else"}
        seen = client.post("/v1/webhooks/probe", content=body, headers=headers).json()
        assert seen == {"sha256": hashlib.sha256(body).hexdigest(), "contentType": kind, "signature": "t=1,v1=x"}


def test_raw_answer_keeps_bytes_type_and_headers(client: httpx.Client) -> None:
    response = client.get("/v1/things/abc/download")
    assert response.content == FILE_BYTES
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"] == 'attachment; filename="thing.bin"'


def test_stream_arrives_as_server_sent_events(client: httpx.Client, mesh: Mesh) -> None:
    with client.stream("GET", "/v1/things:watch?changes=3", headers=mesh.signer.bearer()) as response:
        assert response.headers["content-type"] == "text/event-stream"
        events = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    assert [json.loads(event)["thingId"] for event in events] == ["change-0", "change-1", "change-2"]


def test_events_arrive_while_the_stream_is_open(client: httpx.Client, mesh: Mesh) -> None:
    with client.stream("GET", "/v1/things:watch?changes=-1", headers=mesh.signer.bearer()) as response:
        first = next(response.iter_lines())
        assert "change-0" in first
    mesh.probe.stream_ended.wait(5)
    assert mesh.probe.stream_ended.is_set(), "the service is told when the client goes away"


def test_browsers_of_known_origins_may_call_even_when_refused(client: httpx.Client) -> None:
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization",
    }
    allowed = client.options("/v1/things/abc", headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    assert "idempotency-key" in allowed.headers["access-control-allow-headers"]
    refused = client.get("/v1/things:mine", headers={"origin": "https://app.example"})
    assert_refused(refused, 401, 16, "TOKEN_MISSING")
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    strange = client.get("/v1/things/abc", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in strange.headers
    assert "origin" in strange.headers["vary"].lower()


def test_large_answers_are_compressed_for_those_who_take_it(client: httpx.Client) -> None:
    path = f"/v1/things/abc?{'&'.join(f'tags=word-{number}' for number in range(200))}"
    assert client.get(path).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get(path, headers={"accept-encoding": "identity"}).headers
