"""People and their accounts: what may change, what never does, and what happens to an address that is given again."""

from typing import Any

import pytest

from tests.deploy.standins.oidc.judges import KeyJudge
from tests.deploy.standins.oidc.provider import WEB, Provider


def said(provider: Provider, identity: dict[str, Any]) -> dict[str, Any]:
    return KeyJudge(provider).claims(provider.sign_in(identity)["id_token"])


def test_a_changed_address_leaves_the_subject_alone(provider: Provider) -> None:
    before = said(provider, {"email": "maiden.name@example.com"})
    provider.control("PATCH", f"/identities/{before['sub']}", {"email": "married.name@example.com"})
    after = said(provider, {"sub": before["sub"]})
    assert (after["sub"], after["email"]) == (before["sub"], "married.name@example.com")
    assert said(provider, {"email": "maiden.name@example.com"})["sub"] != before["sub"]


def test_a_recycled_address_belongs_to_another_subject(provider: Provider) -> None:
    first = said(provider, {"email": "recycled@example.com"})
    added = provider.control("POST", "/identities", {"email": "recycled@example.com", "email_verified": True})
    assert said(provider, {"email": "recycled@example.com"})["sub"] == added["sub"] != first["sub"]
    assert said(provider, {"sub": first["sub"]})["email"] == "recycled@example.com"


def test_a_subject_can_be_chosen_so_that_two_providers_share_one(provider: Provider) -> None:
    assert said(provider, {"sub": "1234", "email": "shared@example.com"})["sub"] == "1234"
    assert said(provider, {"email": "shared@example.com"})["sub"] == "1234"
    taken = WEB.post(f"{provider.url}/_control/identities", json={"sub": "1234", "email": "x@example.com"})
    assert taken.status_code == 400


def test_an_authorization_can_change_what_is_told(provider: Provider) -> None:
    sub = said(provider, {"email": "changing@example.com"})["sub"]
    changed = {"email": "changing@example.com", "email_verified": False, "name": "Other", "hd": "example.com"}
    now = said(provider, changed)
    assert (now["sub"], now["email_verified"], now["name"], now["hd"]) == (sub, False, "Other", "example.com")
    assert (
        said(provider, {"sub": sub, "picture": "https://example.com/p.png"})["picture"] == "https://example.com/p.png"
    )


@pytest.mark.parametrize(
    "identity",
    [
        {},
        {"email": "nobody"},
        {"email": "a b@example.com"},
        {"email": 7},
        {"email": "x@example.com", "email_verified": "yes"},
        {"email": "x@example.com", "name": ""},
        {"email": "x@example.com", "role": "admin"},
        {"sub": "ünicode"},
        {"sub": "x" * 256},
    ],
)
def test_a_person_who_makes_no_sense_is_refused(provider: Provider, identity: dict[str, Any]) -> None:
    known = provider.control("GET", "/identities")
    body = {
        "query": "&".join(f"{name}={value}" for name, value in provider.request().query.items()),
        "identity": identity,
    }
    assert WEB.post(f"{provider.url}/_control/authorize", json=body).status_code == 400
    assert provider.control("GET", "/identities") == known


@pytest.mark.parametrize("path", ["/identities/nobody", "/identities/nobody/disconnect"])
def test_unknown_people_are_not_found(provider: Provider, path: str) -> None:
    method = "POST" if path.endswith("disconnect") else "DELETE"
    assert WEB.request(method, f"{provider.url}/_control{path}").status_code == 404


def test_the_control_api_takes_json_only(provider: Provider) -> None:
    url = f"{provider.url}/_control/authorize"
    assert WEB.post(url, data={"query": "x"}).status_code == 415
    assert WEB.post(url, content="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert WEB.post(url, json=["x"]).status_code == 400
    assert WEB.post(url, json={"query": None}).status_code == 400
    assert WEB.post(f"{provider.url}/_control/clock", json={"offset_seconds": -1}).status_code == 400
