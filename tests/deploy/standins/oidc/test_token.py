"""The token endpoint: only the right client, with the right proof, in time, and once."""

import base64
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote_plus

import httpx
import pytest

from deploy.local.standins.oidc.codes import challenge_of
from tests.deploy.standins.oidc.provider import ADA, CALLBACK, CLIENT_ID, WEB, Attempt, Provider, refused


def basic(provider: Provider, attempt: Attempt, credentials: str, **form: str) -> httpx.Response:
    sent = {"grant_type": "authorization_code", "code": attempt.answer["code"], "redirect_uri": CALLBACK}
    header = {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}
    return WEB.post(f"{provider.url}/token", data={**sent, "code_verifier": attempt.verifier, **form}, headers=header)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "GOCSPX-wrong"},
        {"client_secret": None},
        {"client_secret": ""},
        {"client_id": "nobody"},
        {"client_id": None},
    ],
)
def test_a_client_that_cannot_prove_itself_is_refused_and_uses_nothing_up(
    provider: Provider, changes: dict[str, str | None]
) -> None:
    attempt = provider.authorize()
    refused(provider.exchange(attempt, **changes), 401, "invalid_client")
    assert provider.exchange(attempt).status_code == 200


def test_basic_credentials_are_read_as_form_encoded(provider: Provider) -> None:
    awkward = "cl ient:ä+%"
    registration = WEB.post(
        f"{provider.url}/_control/clients", json={"client_id": "cl ient:+%", "redirect_uris": [CALLBACK]}
    ).json()
    attempt = provider.authorize(client_id="cl ient:+%")
    right = f"{quote_plus('cl ient:+%')}:{quote_plus(registration['client_secret'])}"
    refused(basic(provider, attempt, f"{quote_plus(awkward)}:x"), 401, "invalid_client")
    assert basic(provider, attempt, right).status_code == 200


@pytest.mark.parametrize("credentials", [f"{CLIENT_ID}:wrong", CLIENT_ID, ":", "nobody:x"])
def test_wrong_basic_credentials_are_challenged(provider: Provider, credentials: str) -> None:
    answer = basic(provider, provider.authorize(), credentials)
    refused(answer, 401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_client_proves_itself_in_one_way_only(provider: Provider) -> None:
    attempt, right = provider.authorize(), f"{CLIENT_ID}:{provider.secret}"
    refused(basic(provider, attempt, right, client_secret=provider.secret), 400, "invalid_request")
    refused(basic(provider, attempt, right, client_id="nobody"), 400, "invalid_request")
    assert basic(provider, attempt, right, client_id=CLIENT_ID).status_code == 200


@pytest.mark.parametrize("verifier", [None, "", "x" * 43, "x" * 42, "x" * 129, "ü" * 50])
def test_a_code_without_the_right_verifier_is_worth_nothing(provider: Provider, verifier: str | None) -> None:
    attempt = provider.authorize()
    refused(provider.exchange(attempt, code_verifier=verifier), 400, "invalid_grant")
    assert provider.exchange(attempt).status_code == 200


@pytest.mark.parametrize("verifier", ["x" * 42, "x" * 129, "ü" * 50, "x" * 43 + "\n"])
def test_a_verifier_out_of_form_is_refused_even_if_it_fits_the_challenge(provider: Provider, verifier: str) -> None:
    attempt = provider.authorize(code_challenge=challenge_of(verifier))
    refused(provider.exchange(attempt, code_verifier=verifier), 400, "invalid_grant")


@pytest.mark.parametrize("verifier", ["x" * 43, ("A-._~z0" * 19)[:128]])
def test_the_shortest_and_the_longest_verifier_are_accepted(provider: Provider, verifier: str) -> None:
    attempt = provider.authorize(code_challenge=challenge_of(verifier))
    assert provider.exchange(attempt, code_verifier=verifier).status_code == 200


def test_the_challenge_itself_is_no_verifier(provider: Provider) -> None:
    attempt = provider.authorize()
    refused(provider.exchange(attempt, code_verifier=attempt.query["code_challenge"]), 400, "invalid_grant")


@pytest.mark.parametrize("uri", [f"{CALLBACK}/", CALLBACK.replace("8080", "8081")])
def test_the_redirect_uri_is_the_one_the_code_was_sent_to(provider: Provider, uri: str) -> None:
    refused(provider.exchange(provider.authorize(), redirect_uri=uri), 400, "invalid_grant")


def test_a_code_is_its_own_clients_alone(provider: Provider) -> None:
    other = provider.control("POST", "/clients", {"client_id": "other", "redirect_uris": [CALLBACK]})
    attempt = provider.authorize()
    changes = {"client_id": "other", "client_secret": other["client_secret"]}
    refused(provider.exchange(attempt, **changes), 400, "invalid_grant")
    refused(provider.exchange(provider.authorize(client_id="other")), 400, "invalid_grant")
    assert provider.exchange(attempt).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "4/0Aunknown"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": '"pass\\wörd"'}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "1//0unknown"}, "invalid_grant"),
    ],
)
def test_other_requests_are_refused(provider: Provider, changes: dict[str, str | None], error: str) -> None:
    refused(provider.exchange(provider.authorize(), **changes), 400, error)


def test_a_code_lives_for_a_minute(provider: Provider) -> None:
    late, in_time = provider.authorize(), provider.authorize()
    provider.control("POST", "/clock", {"offset_seconds": 57})
    assert provider.exchange(in_time).status_code == 200
    provider.control("POST", "/clock", {"offset_seconds": 60})
    refused(provider.exchange(late), 400, "invalid_grant")


def test_a_second_use_revokes_what_the_first_one_gave(provider: Provider) -> None:
    attempt = provider.authorize(access_type="offline", prompt="consent")
    token = provider.exchange(attempt).json()
    renewed = provider.post("/token", grant_type="refresh_token", refresh_token=token["refresh_token"]).json()
    unrelated = provider.sign_in()
    refused(provider.exchange(attempt), 400, "invalid_grant")
    assert provider.userinfo(token["access_token"]).status_code == 401
    assert provider.userinfo(renewed["access_token"]).status_code == 401
    again = provider.post("/token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    refused(again, 400, "invalid_grant")
    assert provider.userinfo(unrelated["access_token"]).status_code == 200


def test_of_many_uses_at_once_one_succeeds(provider: Provider) -> None:
    attempt = provider.authorize()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: provider.exchange(attempt), range(20)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    # The others were second uses.
    assert provider.userinfo(good[0].json()["access_token"]).status_code == 401


def test_a_form_is_wanted_and_each_parameter_once(provider: Provider) -> None:
    sent = {"grant_type": "authorization_code", "code": "x", "client_id": CLIENT_ID, "client_secret": provider.secret}
    refused(WEB.post(f"{provider.url}/token", json=sent), 400, "invalid_request")
    twice = {"code": ["x", "y"], "grant_type": "authorization_code"}
    refused(WEB.post(f"{provider.url}/token", data=twice), 400, "invalid_request")
    assert WEB.get(f"{provider.url}/token", params=sent).status_code == 405


def test_tokens_are_not_to_be_kept_by_caches(provider: Provider) -> None:
    assert provider.exchange(provider.authorize(ADA)).headers["cache-control"] == "no-store"
