"""What a client may ask for: who hears of a refusal, and that nothing is sent where nobody registered."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from deploy.local.standins.oidc.codes import challenge_of
from tests.deploy.standins.oidc.provider import ADA, CALLBACK, CLIENT_ID, DESCRIPTION, WEB, Provider

PAGE = "/o/oauth2/v2/auth"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": None}, "invalid_request"),
        ({"scope": 'openid "offline" ümlaut'}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": challenge_of("x") + "="}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "whatever"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"access_type": "always"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://example.com/request"}, "request_uri_not_supported"),
    ],
)
def test_the_client_hears_of_its_mistake_by_redirect(
    provider: Provider, changes: dict[str, str | None], error: str
) -> None:
    attempt = provider.request(**changes)
    answer = WEB.get(provider.url + PAGE, params=attempt.query)
    assert answer.status_code == 303
    location = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    told = dict(parse_qsl(location.query))
    assert (told["error"], told["state"], told["iss"]) == (error, attempt.query["state"], provider.url)
    assert DESCRIPTION.fullmatch(told["error_description"])
    assert "code" not in told
    # The control API decides in the same way.
    assert provider.authorize(ADA, **changes).answer["error"] == error


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": None}, 400, "invalid_request"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"redirect_uri": f"{CALLBACK}/"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": f"{CALLBACK}/more"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": f"{CALLBACK}?more=1"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": f"{CALLBACK}#more"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": CALLBACK.upper()}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": CALLBACK.replace("8080", "8081")}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": CALLBACK.replace("localhost", "127.0.0.1")}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": CALLBACK.replace("localhost", "localhost@evil.example")}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "https://evil.example/"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "https://evil.example/", "response_type": "token"}, 400, "redirect_uri_mismatch"),
    ],
)
def test_nobody_is_sent_to_an_unregistered_place(
    provider: Provider, changes: dict[str, str | None], status: int, error: str
) -> None:
    query = provider.request(**changes).query
    answer = WEB.get(provider.url + PAGE, params=query)
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert error in answer.text
    posted = WEB.post(f"{provider.url}/signin", data={"request": urlencode(query), "email": ADA["email"]})
    assert posted.status_code == status
    assert "location" not in posted.headers
    body = {"query": urlencode(query), "identity": ADA}
    controlled = WEB.post(f"{provider.url}/_control/authorize", json=body)
    assert (controlled.status_code, controlled.json()["error"]) == (400, error)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_a_repeated_client_or_redirect_uri_leads_nowhere(provider: Provider, name: str) -> None:
    query = provider.request().query
    answer = WEB.get(provider.url + PAGE, params=[*query.items(), (name, query[name])])
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("name", ["state", "nonce", "scope", "code_challenge", "whatever"])
def test_another_repeated_parameter_is_told_to_the_client(provider: Provider, name: str) -> None:
    query = {"whatever": "1", **provider.request().query}
    answer = WEB.get(provider.url + PAGE, params=[*query.items(), (name, "again")])
    assert "error=invalid_request" in answer.headers["location"]
    assert ("state=" in answer.headers["location"]) == (name != "state")


@pytest.mark.parametrize("state", ["a b+c&d=e/f?g#h%20", "zażółć", "x" * 1000])
def test_the_state_comes_back_as_it_was(provider: Provider, state: str) -> None:
    assert provider.authorize(state=state).answer["state"] == state
    assert provider.authorize(None, state=state).answer["state"] == state


def test_no_state_is_made_up(provider: Provider) -> None:
    assert "state" not in provider.authorize(state=None).answer
    assert "state" not in provider.authorize(state="").answer


def test_a_person_can_say_no(provider: Provider) -> None:
    attempt = provider.authorize(None)
    assert (attempt.answer["error"], attempt.answer["iss"]) == ("access_denied", provider.url)
    assert "code" not in attempt.answer


def test_a_request_may_also_be_posted(provider: Provider) -> None:
    answer = WEB.post(provider.url + PAGE, data=provider.request().query)
    assert answer.status_code == 200
    assert "Choose an account" in answer.text


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/callback",
        "https://example.com/#fragment",
        "https:///callback",
        "callback",
        "ftp://localhost/x",
    ],
)
def test_such_a_redirect_uri_cannot_be_registered(provider: Provider, uri: str) -> None:
    body = {"client_id": "new", "redirect_uris": [CALLBACK, uri]}
    assert WEB.post(f"{provider.url}/_control/clients", json=body).status_code == 400
    assert WEB.get(provider.url + PAGE, params=provider.request(client_id="new").query).status_code == 401


def test_the_code_is_the_registered_clients(provider: Provider) -> None:
    assert provider.authorize(client_id=CLIENT_ID).answer["code"].startswith("4/")
