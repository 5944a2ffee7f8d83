"""The whole flow as independent clients see it, and what they learn of a person."""

from typing import Any

import jwt
import pytest

from tests.deploy.standins.oidc.judges import KeyJudge, authlib_sign_in, relying_party
from tests.deploy.standins.oidc.provider import ADA, CALLBACK, CLIENT_ID, WEB, Provider

GRACE = {"email": "grace.hopper@university.example"}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_signs_a_person_in_from_the_discovery_document_alone(provider: Provider, method: str) -> None:
    token, claims = authlib_sign_in(provider, ADA, token_endpoint_auth_method=method)
    assert claims["email"] == ADA["email"]
    assert claims["email_verified"] is True
    assert (claims["name"], claims["given_name"], claims["family_name"]) == ("Ada Lovelace", "Ada", "Lovelace")
    assert claims["at_hash"]
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 3599
    assert relying_party(provider).userinfo(token=token)["sub"] == claims["sub"]


def test_pyjwt_verifies_the_id_token_by_the_published_keys(provider: Provider) -> None:
    attempt = provider.authorize()
    id_token = provider.exchange(attempt).json()["id_token"]
    header = jwt.get_unverified_header(id_token)
    assert header["alg"] == "RS256"
    assert header["kid"] == provider.control("GET", "/keys")["signing"]
    claims = KeyJudge(provider).claims(id_token, attempt.nonce)
    assert (claims["aud"], claims["azp"], claims["exp"] - claims["iat"]) == (CLIENT_ID, CLIENT_ID, 3600)


def test_a_person_is_the_same_subject_each_time_and_nobody_elses(provider: Provider) -> None:
    judge = KeyJudge(provider)
    ada, again, grace = (judge.claims(provider.sign_in(who)["id_token"])["sub"] for who in (ADA, ADA, GRACE))
    assert ada == again != grace
    assert ada.isdecimal()


@pytest.mark.parametrize("verified", [True, False, None])
def test_whether_an_address_is_verified_is_told_as_it_is_or_not_at_all(
    provider: Provider, verified: bool | None
) -> None:
    token = provider.sign_in({"email": f"verified-{verified}@example.com".lower(), "email_verified": verified})
    claims = KeyJudge(provider).claims(token["id_token"])
    for known in (claims, provider.userinfo(token["access_token"]).json()):
        assert known.get("email_verified") is verified
        assert ("email_verified" in known) == (verified is not None)


def test_an_identity_can_have_no_address_at_all(provider: Provider) -> None:
    claims = KeyJudge(provider).claims(provider.sign_in({"sub": "no-address", "name": "Nemo"})["id_token"])
    assert claims["sub"] == "no-address"
    assert not {"email", "email_verified"} & claims.keys()


def test_the_organisation_is_told_of_those_who_have_one(provider: Provider) -> None:
    judge = KeyJudge(provider)
    assert judge.claims(provider.sign_in(GRACE)["id_token"])["hd"] == "university.example"
    assert "hd" not in judge.claims(provider.sign_in(ADA)["id_token"])
    assert provider.authorize(GRACE).answer["hd"] == "university.example"


@pytest.mark.parametrize(
    ("scope", "told", "hidden"),
    [
        ("openid", set(), {"email", "email_verified", "name", "picture"}),
        ("openid email", {"email", "email_verified"}, {"name", "picture"}),
        ("openid profile", {"name", "picture"}, {"email", "email_verified"}),
        ("openid https://www.googleapis.com/auth/userinfo.email", {"email"}, {"name"}),
    ],
)
def test_a_client_learns_what_its_scopes_cover(
    provider: Provider, scope: str, told: set[str], hidden: set[str]
) -> None:
    token = provider.sign_in(ADA, scope=scope)
    for known in (KeyJudge(provider).claims(token["id_token"]), provider.userinfo(token["access_token"]).json()):
        assert told <= known.keys()
        assert not hidden & known.keys()


def test_without_openid_there_is_neither_id_token_nor_userinfo(provider: Provider) -> None:
    token = provider.sign_in(ADA, scope="email")
    assert "id_token" not in token
    answer = provider.userinfo(token["access_token"])
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_a_client_that_sends_no_nonce_gets_none(provider: Provider) -> None:
    assert "nonce" not in KeyJudge(provider).claims(provider.sign_in(ADA, nonce=None)["id_token"])


def test_the_time_of_the_sign_in_is_told_if_it_matters(provider: Provider) -> None:
    claims = KeyJudge(provider).claims(provider.sign_in(ADA, max_age="600")["id_token"])
    assert abs(claims["auth_time"] - claims["iat"]) <= 1
    assert "auth_time" not in KeyJudge(provider).claims(provider.sign_in(ADA)["id_token"])


def test_the_answer_names_its_issuer_and_more_than_a_client_asked_for(provider: Provider) -> None:
    answer = provider.authorize(prompt="consent").answer
    assert answer["iss"] == provider.url
    assert answer.keys() >= {"code", "state", "scope", "authuser", "prompt"}


def test_an_answer_keeps_the_query_of_its_redirect_uri(provider: Provider) -> None:
    registered = {"client_id": "with-query", "redirect_uris": [f"{CALLBACK}?provider=x"]}
    provider.control("POST", "/clients", registered)
    answer = provider.authorize(client_id="with-query", redirect_uri=f"{CALLBACK}?provider=x").answer
    assert answer["provider"] == "x"
    assert answer["code"]


def test_discovery_promises_what_is_enforced(provider: Provider) -> None:
    promised: dict[str, Any] = WEB.get(f"{provider.url}/.well-known/openid-configuration").json()
    assert promised["issuer"] == provider.url == provider.ready["issuer"]
    assert promised["response_types_supported"] == ["code"]
    assert promised["code_challenge_methods_supported"] == ["S256"]
    assert promised["id_token_signing_alg_values_supported"] == ["RS256"]
    assert promised["authorization_response_iss_parameter_supported"] is True
    assert promised["request_uri_parameter_supported"] is False
    assert promised["authorization_endpoint"] == f"{provider.url}/o/oauth2/v2/auth"
    told = KeyJudge(provider).claims(provider.sign_in(GRACE)["id_token"]).keys()
    assert told - {"at_hash"} <= set(promised["claims_supported"])


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic eDp5", "Bearer"])
def test_userinfo_wants_a_token_in_force(provider: Provider, header: str | None) -> None:
    answer = WEB.get(f"{provider.url}/v1/userinfo", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_access_token_ends_after_an_hour(provider: Provider) -> None:
    token = provider.sign_in()["access_token"]
    provider.control("POST", "/clock", {"offset_seconds": 3590})
    assert provider.userinfo(token).status_code == 200
    provider.control("POST", "/clock", {"offset_seconds": 3600})
    assert provider.userinfo(token).status_code == 401
