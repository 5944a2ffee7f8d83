"""The token endpoint and the bearer tokens: who gets one, and what it opens."""

import json
import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.deploy.standins.storage.server import BUCKET, WEB, Server

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
LIST = f"/storage/v1/b/{BUCKET}/o"


def _claims(server: Server, **changes: object) -> dict[str, object]:
    account = json.loads(server.account_path.read_text())
    now = int(time.time())
    base = {"iss": account["client_email"], "aud": account["token_uri"], "scope": SCOPE, "iat": now, "exp": now + 600}
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def _exchange(server: Server, claims: dict[str, object], key: str | rsa.RSAPrivateKey | None = None) -> httpx.Response:
    own_key = json.loads(server.account_path.read_text())["private_key"]
    assertion = jwt.encode(claims, key or own_key, algorithm="RS256")
    return WEB.post(f"{server.url}/token", data={"grant_type": GRANT, "assertion": assertion})


def test_the_accounts_own_assertion_buys_a_token_that_works(server: Server) -> None:
    answer = _exchange(server, _claims(server))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3599)
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert WEB.get(server.url + LIST, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "someone-else@campus-local.iam.gserviceaccount.com"},
        {"aud": "https://example.com/token"},
        {"exp": 1_500_000_000, "iat": 1_499_999_000},
        {"exp": int(time.time()) + 7200},
        {"iat": int(time.time()) + 1800},
        {"exp": None},
        {"scope": None},
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(server: Server, changes: dict[str, object]) -> None:
    answer = _exchange(server, _claims(server, **changes))
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_grant", "invalid_scope")


def test_an_assertion_by_another_key_is_refused(server: Server) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    answer = _exchange(server, _claims(server), stranger)
    assert (answer.status_code, answer.json()["error_description"]) == (400, "Invalid JWT Signature.")


def test_an_unsigned_assertion_and_another_grant_are_refused(server: Server) -> None:
    unsigned = jwt.encode(_claims(server), "", algorithm="none")
    answer = WEB.post(f"{server.url}/token", data={"grant_type": GRANT, "assertion": unsigned})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    answer = WEB.post(f"{server.url}/token", data={"grant_type": "password"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_every_json_endpoint_wants_a_token(server: Server) -> None:
    upload = f"/upload{LIST}?uploadType=media&name=x"
    calls = [
        ("GET", "/storage/v1/b?project=p"),
        ("POST", "/storage/v1/b?project=p"),
        ("GET", f"/storage/v1/b/{BUCKET}"),
        ("PATCH", f"/storage/v1/b/{BUCKET}"),
        ("DELETE", f"/storage/v1/b/{BUCKET}"),
        ("GET", LIST),
        ("GET", f"{LIST}/x"),
        ("GET", f"{LIST}/x?alt=media"),
        ("GET", f"/download{LIST}/x"),
        ("PATCH", f"{LIST}/x"),
        ("DELETE", f"{LIST}/x"),
        ("POST", upload),
        ("POST", upload.replace("media", "multipart")),
        ("POST", upload.replace("media", "resumable")),
    ]
    for authorization in (None, "Bearer forged", "Basic abc"):
        headers = {"Authorization": authorization} if authorization else {}
        for method, path in calls:
            answer = WEB.request(method, server.url + path, headers=headers)
            assert answer.status_code == 401, (method, path, authorization)
            assert answer.json()["error"]["code"] == 401


def test_a_read_only_token_reads_only(server: Server) -> None:
    with server.http("devstorage.read_only") as http:
        assert http.get(LIST).status_code == 200
        answer = http.post(f"/upload{LIST}?uploadType=media&name=x", content=b"x")
        assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (403, "insufficientPermissions")
        assert http.delete(f"{LIST}/x").status_code == 403


def _opens(server: Server, claims: dict[str, object], key: str | rsa.RSAPrivateKey | None = None) -> int:
    own_key = json.loads(server.account_path.read_text())["private_key"]
    token = jwt.encode(claims, key or own_key, algorithm="RS256")
    return WEB.get(server.url + LIST, headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_that_the_account_signed_for_itself_opens_what_its_scope_says(server: Server) -> None:
    email = json.loads(server.account_path.read_text())["client_email"]
    good = _claims(server, sub=email, aud=None)
    assert _opens(server, good) == 200
    assert _opens(server, good | {"scope": "https://www.googleapis.com/auth/gmail.readonly"}) == 403
    for wrong in (
        {"sub": "someone@else"},
        {"iss": "someone@else"},
        {"exp": 1_500_000_000},
        {"exp": int(time.time()) + 7200},
    ):
        assert _opens(server, good | wrong) == 401
    for missing in ("exp", "iat", "sub", "scope"):
        assert _opens(server, {name: value for name, value in good.items() if name != missing}) == 401
    assert _opens(server, good, rsa.generate_private_key(public_exponent=65537, key_size=2048)) == 401
