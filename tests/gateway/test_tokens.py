"""Who gets in: tokens, public RPCs, and what callers cannot claim by themselves."""

import base64
import json
from typing import Any

import httpx
import jwt
import pytest

from tests.gateway.calls import assert_refused
from tests.gateway.conftest import Mesh
from tests.gateway.edge import KEY_ID, Signer

MINE = "/v1/things:mine"


def unsigned(header: dict[str, str], claims: dict[str, Any]) -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part(header)}.{part(claims)}."


def test_a_valid_token_gets_in_and_reaches_the_service(client: httpx.Client, mesh: Mesh) -> None:
    headers = mesh.signer.bearer()
    thing = client.get(MINE, headers=headers).json()["things"][0]
    assert thing["seen"]["authorization"] == headers["authorization"]


def test_no_token_is_said_plainly(client: httpx.Client) -> None:
    assert_refused(client.get(MINE), 401, 16, "TOKEN_MISSING")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"life": -30}, "TOKEN_EXPIRED"),
        ({"exp": None}, "TOKEN_INVALID"),
        ({"aud": "somebody-else"}, "TOKEN_INVALID"),
        ({"aud": None}, "TOKEN_INVALID"),
        ({"iss": "https://evil.example"}, "TOKEN_INVALID"),
        ({"nbf": 99_999_999_999}, "TOKEN_INVALID"),
    ],
)
def test_wrong_claims_are_refused(client: httpx.Client, mesh: Mesh, claims: dict[str, Any], reason: str) -> None:
    headers = mesh.signer.bearer(**claims)
    for path in (MINE, "/v1/things/abc"):
        assert_refused(client.get(path, headers=headers), 401, 16, reason)


def test_forged_tokens_are_refused_on_public_rpcs_too(client: httpx.Client, mesh: Mesh) -> None:
    claims = {"iss": "https://campus", "aud": "campus", "sub": "u-1", "exp": 99_999_999_999}
    public_key = json.loads(mesh.signer.key_set)["keys"][0]["x"]
    forged = [
        Signer().token(),
        mesh.signer.token()[:-4] + "AAAA",
        unsigned({"alg": "none", "kid": KEY_ID}, claims),
        jwt.encode(claims, base64.urlsafe_b64decode(public_key + "="), "HS256", {"kid": KEY_ID}),
        jwt.encode(claims, Signer().key, "EdDSA", {"kid": "../../etc/passwd"}),
        "not-a-token",
        "a.b.c",
    ]
    for token in forged:
        for path in (MINE, "/v1/things/abc"):
            assert_refused(client.get(path, headers={"authorization": f"Bearer {token}"}), 401, 16, "TOKEN_INVALID")


def test_a_token_counts_in_its_header_only(client: httpx.Client, mesh: Mesh) -> None:
    token = mesh.signer.token()
    assert client.get(f"{MINE}?access_token={token}").status_code in {400, 401}
    assert_refused(client.get(MINE, headers={"cookie": f"access_token={token}"}), 401, 16, "TOKEN_MISSING")
    assert_refused(client.get(MINE, headers={"x-authorization": f"Bearer {token}"}), 401, 16, "TOKEN_MISSING")


def test_callers_cannot_claim_to_be_somebody(client: httpx.Client) -> None:
    claims = {
        "x-user-id": "root",
        "x-user-roles": "admin",
        "x-jwt-payload": "e30",
        "x-campus-principal": "root",
        "x-forwarded-client-cert": "URI=spiffe://campus/identity",
        "x-role": "admin",
        "x_user_id": "root",
        "x-envoy-original-path": "/v1/other",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-internal": "true",
    }
    seen = client.get("/v1/things/abc", headers=claims).json()["seen"]
    assert seen.pop("x-envoy-original-path") == "/v1/things/abc"
    assert not set(claims) & set(seen)


def test_request_id_and_trace_go_through(client: httpx.Client) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = {"x-request-id": "order-17", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    response = client.get("/v1/things/abc", headers=sent)
    seen = response.json()["seen"]
    assert response.headers["x-request-id"] == seen["x-request-id"] == "order-17"
    version, trace_id, span, flags = seen["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", trace, "01")
    assert span != "b7ad6b7169203331"


def test_request_id_and_trace_are_made_when_missing(client: httpx.Client) -> None:
    response = client.get("/v1/things/abc")
    seen = response.json()["seen"]
    assert response.headers["x-request-id"] == seen["x-request-id"]
    assert len(seen["traceparent"].split("-")[1]) == 32
    assert seen["traceparent"].endswith("-00")
    assert response.headers["x-request-id"] != client.get("/v1/things/abc").headers["x-request-id"]


def test_keys_are_public(client: httpx.Client, mesh: Mesh) -> None:
    response = client.get("/.well-known/jwks.json")
    assert response.headers["content-type"] == "application/jwk-set+json"
    assert response.content == mesh.signer.key_set
