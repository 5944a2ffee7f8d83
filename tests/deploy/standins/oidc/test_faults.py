"""Faults on demand: each is one that a checking client notices, and is over when it was met."""

import time
from typing import Any

import httpx
import jwt
import pytest
from joserfc.errors import InvalidClaimError, JoseError

from deploy.local.standins.oidc.faults import KINDS
from tests.deploy.standins.oidc.judges import KeyJudge, authlib_sign_in, relying_party
from tests.deploy.standins.oidc.provider import ADA, WEB, Provider, refused


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("wrong_nonce", jwt.InvalidTokenError),
        ("missing_nonce", jwt.InvalidTokenError),
        ("wrong_issuer", jwt.InvalidIssuerError),
        ("wrong_audience", jwt.InvalidAudienceError),
        ("expired_id_token", jwt.ExpiredSignatureError),
        ("early_id_token", jwt.ImmatureSignatureError),
        ("unsigned_id_token", jwt.InvalidAlgorithmError),
        ("symmetric_id_token", jwt.InvalidAlgorithmError),
        ("wrong_key", jwt.InvalidSignatureError),
        ("unknown_key", jwt.PyJWKClientError),
    ],
)
def test_pyjwt_refuses_a_bad_id_token_and_takes_the_next(provider: Provider, kind: str, error: type[Exception]) -> None:
    provider.fault(kind)
    judge, attempt = KeyJudge(provider), provider.authorize()
    bad = provider.exchange(attempt).json()["id_token"]
    with pytest.raises(error):
        judge.claims(bad, attempt.nonce)
    attempt = provider.authorize()
    assert judge.claims(provider.exchange(attempt).json()["id_token"], attempt.nonce)


@pytest.mark.parametrize("kind", ["wrong_nonce", "wrong_issuer", "wrong_audience", "wrong_at_hash", "wrong_key"])
def test_authlib_refuses_it_too(provider: Provider, kind: str) -> None:
    provider.fault(kind)
    with pytest.raises(JoseError) as refusal:
        authlib_sign_in(provider, ADA)
    # Another signature, not another claim.
    assert isinstance(refusal.value, InvalidClaimError) == (kind != "wrong_key")
    assert authlib_sign_in(provider, ADA)[1]["email"] == ADA["email"]


@pytest.mark.parametrize(("claim", "value"), [("email_verified", "true"), ("sub", None), ("email", "eve@example.com")])
def test_any_claim_can_be_changed_or_left_out(provider: Provider, claim: str, value: str | None) -> None:
    provider.fault("claim", claim=claim, value=value)
    provider.fault("claim", claim="also", value=[1])
    said: dict[str, Any] = jwt.decode(provider.sign_in()["id_token"], options={"verify_signature": False})
    assert said.get(claim) == value
    assert (claim in said) == (value is not None)
    assert said["also"] == [1]


def test_the_issuer_can_be_said_to_be_a_certain_other(provider: Provider) -> None:
    provider.fault("wrong_issuer", value="accounts.google.com")
    said = jwt.decode(provider.sign_in()["id_token"], options={"verify_signature": False})
    assert said["iss"] == "accounts.google.com"


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("wrong_state", "state", True),
        ("missing_state", "state", False),
        ("wrong_response_issuer", "iss", True),
        ("missing_response_issuer", "iss", False),
    ],
)
def test_the_answer_of_a_redirect_can_be_spoilt(provider: Provider, kind: str, name: str, told: bool) -> None:
    provider.fault(kind)
    spoilt, sound = provider.authorize(state="mine"), provider.authorize(state="mine")
    right = {"state": "mine", "iss": provider.url}
    assert (name in spoilt.answer) == told
    assert spoilt.answer.get(name) != right[name]
    assert sound.answer[name] == right[name]


def test_a_swapped_code_is_another_persons_and_fails_at_pkce(provider: Provider) -> None:
    provider.fault("swapped_code", value="attacker@example.com")
    attempt = provider.authorize()
    assert attempt.answer["code"] != provider.authorize().answer["code"]
    refused(provider.exchange(attempt), 400, "invalid_grant")
    identities = provider.control("GET", "/identities")["identities"]
    assert "attacker@example.com" in {one["email"] for one in identities}


def test_userinfo_can_speak_of_somebody_else(provider: Provider) -> None:
    token = provider.sign_in()
    sub = KeyJudge(provider).claims(token["id_token"])["sub"]
    provider.fault("wrong_subject")
    assert provider.userinfo(token["access_token"]).json()["sub"] != sub
    assert provider.userinfo(token["access_token"]).json()["sub"] == sub


def test_discovery_can_speak_of_another_issuer(provider: Provider) -> None:
    provider.fault("wrong_discovery_issuer", value="https://evil.example")
    assert relying_party(provider).load_server_metadata()["issuer"] == "https://evil.example"
    assert relying_party(provider).load_server_metadata()["issuer"] == provider.url


def test_the_token_endpoint_can_fail_and_recover(provider: Provider) -> None:
    attempt = provider.authorize()
    provider.fault("server_error", times=2)
    provider.fault("garbage")
    assert [provider.exchange(attempt).status_code for _ in range(2)] == [500, 500]
    with pytest.raises(ValueError, match="Expecting value"):
        provider.exchange(attempt).json()
    assert provider.exchange(attempt).status_code == 200


def test_a_lost_reply_has_used_the_code_up(provider: Provider) -> None:
    attempt = provider.authorize()
    provider.fault("drop_reply")
    with pytest.raises(httpx.RemoteProtocolError):
        provider.exchange(attempt)
    refused(provider.exchange(attempt), 400, "invalid_grant")


def test_a_slow_call_holds_nobody_else_up(provider: Provider) -> None:
    attempt = provider.authorize()
    provider.fault("delay", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        WEB.post(f"{provider.url}/token", data={"code": attempt.answer["code"]}, timeout=0.2)
    started = time.monotonic()
    assert provider.exchange(attempt).status_code == 200
    assert time.monotonic() - started < 10


def test_a_fault_is_of_its_path_only_until_it_is_removed(provider: Provider) -> None:
    provider.fault("server_error", times=None, path="/oauth2/*")
    assert [WEB.get(f"{provider.url}/oauth2/v3/certs").status_code for _ in range(3)] == [500] * 3
    assert provider.exchange(provider.authorize()).status_code == 200
    assert provider.control("GET", "/faults")["faults"][0]["path"] == "/oauth2/*"
    provider.control("DELETE", "/faults")
    assert WEB.get(f"{provider.url}/oauth2/v3/certs").status_code == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "unheard_of"},
        {"kind": "wrong_nonce", "times": 0},
        {"kind": "delay", "seconds": -1},
        {"kind": "delay", "seconds": "1"},
        {"kind": "claim"},
        {"kind": "delay", "id": 7},
        {"kind": "delay", "whatever": 1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(provider: Provider, rule: dict[str, Any]) -> None:
    assert WEB.post(f"{provider.url}/_control/faults", json=rule).status_code == 400
    assert provider.control("GET", "/faults")["faults"] == []


def test_each_kind_can_be_ordered(provider: Provider) -> None:
    for kind in KINDS:
        provider.fault(kind, claim="x")
    assert [rule["kind"] for rule in provider.control("GET", "/faults")["faults"]] == list(KINDS)
