"""The page where a person says who they are, as a browser without scripts sees it."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tests.deploy.standins.oidc.judges import KeyJudge
from tests.deploy.standins.oidc.provider import CALLBACK, WEB, Attempt, Provider


class Form(HTMLParser):
    """The fields of the page, by name, with all values they can have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self.scripts = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        self.scripts += tag == "script"
        if tag in ("input", "button") and told.get("name"):
            self.values.setdefault(str(told["name"]), []).append(told.get("value") or "")


def open_page(provider: Provider, attempt: Attempt) -> Form:
    answer = WEB.get(f"{provider.url}/o/oauth2/v2/auth", params=attempt.query)
    assert answer.status_code == 200
    return Form(answer.text)


def submit(provider: Provider, attempt: Attempt, **fields: str) -> httpx.Response:
    request = open_page(provider, attempt).values["request"][0]
    return WEB.post(f"{provider.url}/signin", data={"request": request, **fields})


def claims(provider: Provider, attempt: Attempt, answer: httpx.Response) -> dict[str, object]:
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    attempt.answer = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert attempt.answer["state"] == attempt.query["state"]
    return KeyJudge(provider).claims(provider.exchange(attempt).json()["id_token"], attempt.nonce)


def test_the_page_offers_everybody_known_and_a_click_signs_in(provider: Provider) -> None:
    attempt = provider.request()
    offered = open_page(provider, attempt).values["sub"]
    known = [one["sub"] for one in provider.control("GET", "/identities")["identities"]]
    assert offered == known
    assert claims(provider, attempt, submit(provider, attempt, sub=known[1]))["sub"] == known[1]


def test_a_new_person_can_be_typed_and_is_the_same_the_next_time(provider: Provider) -> None:
    typed = {"email": "typed@new.example", "name": "Tia Typed", "hd": "new.example", "email_verified": "true"}
    first = provider.request()
    said = claims(provider, first, submit(provider, first, **typed))
    assert (said["email"], said["name"], said["hd"], said["email_verified"]) == (*list(typed.values())[:3], True)
    # What is typed of somebody who is known changes nothing of them.
    second = provider.request()
    again = claims(provider, second, submit(provider, second, email="Typed@new.example", email_verified="false"))
    assert (again["sub"], again["email_verified"]) == (said["sub"], True)


@pytest.mark.parametrize(("chosen", "told"), [("false", False), ("absent", None)])
def test_a_typed_address_can_be_unverified(provider: Provider, chosen: str, told: bool | None) -> None:
    attempt = provider.request()
    answer = submit(provider, attempt, email=f"typed-{chosen}@example.com", email_verified=chosen)
    assert claims(provider, attempt, answer).get("email_verified") is told


@pytest.mark.parametrize("fields", [{"email": "no address"}, {"email": ""}, {}, {"sub": "nobody"}])
def test_a_mistake_is_told_on_the_page(provider: Provider, fields: dict[str, str]) -> None:
    answer = submit(provider, provider.request(), **fields)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert 'id="problem"' in answer.text
    assert Form(answer.text).values["request"]


def test_cancel_goes_back_without_a_code(provider: Provider) -> None:
    attempt = provider.request()
    location = submit(provider, attempt, decision="cancel").headers["location"]
    told = dict(parse_qsl(urlsplit(location).query))
    assert (told["error"], told["state"]) == ("access_denied", attempt.query["state"])


def test_a_hint_comes_first_and_an_unknown_one_is_filled_in(provider: Provider) -> None:
    identities = provider.control("GET", "/identities")["identities"]
    page = open_page(provider, provider.request(login_hint=identities[2]["email"]))
    assert page.values["sub"][0] == identities[2]["sub"]
    assert open_page(provider, provider.request(login_hint="new@example.org")).values["email"] == ["new@example.org"]


def test_nothing_that_was_sent_becomes_markup(provider: Provider) -> None:
    nasty = '"><script>alert(1)</script>'
    assert open_page(provider, provider.request(login_hint=nasty, state=nasty)).scripts == 0
    answer = WEB.get(f"{provider.url}/o/oauth2/v2/auth", params=provider.request(redirect_uri=nasty).query)
    assert answer.status_code == 400
    assert Form(answer.text).scripts == 0


def test_the_page_may_not_be_framed_kept_or_scripted(provider: Provider) -> None:
    headers = WEB.get(f"{provider.url}/o/oauth2/v2/auth", params=provider.request().query).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_request_tampered_with_on_the_page_is_judged_again(provider: Provider) -> None:
    tampered = urlencode(provider.request(code_challenge_method="plain").query)
    answer = WEB.post(f"{provider.url}/signin", data={"request": tampered, "email": "ada.lovelace@example.com"})
    assert "error=invalid_request" in answer.headers["location"]


def test_a_picture_is_a_png_of_its_person(provider: Provider) -> None:
    said = provider.userinfo(provider.sign_in()["access_token"]).json()
    answer = WEB.get(said["picture"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert WEB.get(said["picture"].replace(said["sub"], "nobody")).status_code == 404
    assert re.fullmatch(r"\d{21}", said["sub"])
