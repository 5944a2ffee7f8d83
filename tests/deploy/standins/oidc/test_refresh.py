"""Refresh tokens: given with the consent, bound to their client, and gone when the person takes the consent back."""

from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]

from tests.deploy.standins.oidc.judges import KeyJudge
from tests.deploy.standins.oidc.provider import CALLBACK, CLIENT_ID, WEB, Provider, refused

OFFLINE: dict[str, Any] = {"access_type": "offline", "prompt": "consent"}


def refresh(provider: Provider, token: dict[str, Any], **changes: str | None) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"], **changes}
    return provider.post("/token", **form)


def test_a_refresh_token_comes_with_the_consent_only(provider: Provider) -> None:
    someone = {"email": "first.consent@example.com"}
    assert "refresh_token" in provider.sign_in(someone, access_type="offline")
    assert "refresh_token" not in provider.sign_in(someone, access_type="offline")
    assert "refresh_token" in provider.sign_in(someone, **OFFLINE)
    assert "refresh_token" not in provider.sign_in(someone, prompt="consent")


def test_it_gives_new_tokens_for_the_same_person(provider: Provider) -> None:
    token = provider.sign_in(**OFFLINE)
    renewed = refresh(provider, token).json()
    assert renewed["access_token"] != token["access_token"]
    assert "refresh_token" not in renewed
    judge = KeyJudge(provider)
    before, after = judge.claims(token["id_token"]), judge.claims(renewed["id_token"])
    assert before["sub"] == after["sub"]
    assert "nonce" not in after
    assert provider.userinfo(renewed["access_token"]).json()["sub"] == before["sub"]


def test_it_gives_less_if_asked_and_never_more(provider: Provider) -> None:
    token = provider.sign_in(scope="openid email", **OFFLINE)
    assert refresh(provider, token, scope="openid").json()["scope"] == "openid"
    refused(refresh(provider, token, scope="openid profile"), 400, "invalid_scope")
    assert refresh(provider, token).json()["scope"] == "openid email"


def test_it_is_its_own_clients_alone(provider: Provider) -> None:
    other = provider.control("POST", "/clients", {"client_id": "other", "redirect_uris": [CALLBACK]})
    token = provider.sign_in(**OFFLINE)
    stolen = refresh(provider, token, client_id="other", client_secret=other["client_secret"])
    refused(stolen, 400, "invalid_grant")
    refused(refresh(provider, token, client_secret="wrong"), 401, "invalid_client")
    refused(
        provider.post("/token", grant_type="refresh_token", refresh_token=token["access_token"]), 400, "invalid_grant"
    )


def test_authlib_refreshes_and_revokes(provider: Provider) -> None:
    token = provider.sign_in(**OFFLINE)
    session = OAuth2Session(CLIENT_ID, provider.secret)
    renewed = session.refresh_token(f"{provider.url}/token", refresh_token=token["refresh_token"])
    assert provider.userinfo(renewed["access_token"]).status_code == 200
    assert session.revoke_token(f"{provider.url}/revoke", token=token["refresh_token"]).status_code == 200
    assert provider.userinfo(renewed["access_token"]).status_code == 401
    refused(refresh(provider, token), 400, "invalid_grant")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoking_either_token_takes_the_consent_back(provider: Provider, kind: str) -> None:
    someone = {"email": f"revokes-{kind.replace('_', '-')}@example.com"}
    token = provider.sign_in(someone, access_type="offline")
    # As at Google, whoever holds the token may give it up.
    assert WEB.post(f"{provider.url}/revoke", data={"token": token[kind]}).status_code == 200
    refused(refresh(provider, token), 400, "invalid_grant")
    assert provider.userinfo(token["access_token"]).status_code == 401
    refused(WEB.post(f"{provider.url}/revoke", data={"token": token[kind]}), 400, "invalid_token")
    assert "refresh_token" in provider.sign_in(someone, access_type="offline")


def test_a_client_cannot_revoke_anothers_token(provider: Provider) -> None:
    other = provider.control("POST", "/clients", {"client_id": "other", "redirect_uris": [CALLBACK]})
    token = provider.sign_in()["access_token"]
    named = {"client_id": "other", "client_secret": other["client_secret"]}
    refused(provider.post("/revoke", token=token, **named), 400, "invalid_token")
    refused(provider.post("/revoke", token=token, client_secret="wrong"), 401, "invalid_client")
    refused(provider.post("/revoke"), 400, "invalid_request")
    assert provider.userinfo(token).status_code == 200


def test_a_person_can_take_the_consent_back_at_the_provider(provider: Provider) -> None:
    token = provider.sign_in(**OFFLINE)
    waiting = provider.authorize()
    sub = KeyJudge(provider).claims(token["id_token"])["sub"]
    provider.control("POST", f"/identities/{sub}/disconnect", {"client_id": "other"})
    assert provider.userinfo(token["access_token"]).status_code == 200
    provider.control("POST", f"/identities/{sub}/disconnect", {"client_id": waiting.query["client_id"]})
    refused(refresh(provider, token), 400, "invalid_grant")
    refused(provider.exchange(waiting), 400, "invalid_grant")


def test_nothing_outlives_the_account(provider: Provider) -> None:
    someone = {"sub": "short-lived", "email": "short.lived@example.com"}
    token, waiting = provider.sign_in(someone, access_type="offline"), provider.authorize(someone)

    def ended() -> None:
        refused(refresh(provider, token), 400, "invalid_grant")
        refused(provider.exchange(waiting), 400, "invalid_grant")
        assert provider.userinfo(token["access_token"]).status_code == 401

    provider.control("DELETE", "/identities/short-lived")
    ended()
    # Not even for whoever is given the subject again, which only the control API can do.
    provider.control("POST", "/identities", someone)
    ended()
    assert "refresh_token" in provider.sign_in(someone, access_type="offline")
