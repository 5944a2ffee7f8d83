"""What a local run tells identity is enough for a sign-in, and a real provider takes the stand-in's place."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import outside
from deploy.local.plan import Choices, Plan
from deploy.local.state import State
from tests.deploy.standins.oidc.judges import RelyingParty
from tests.deploy.standins.oidc.provider import ADA, Provider


@contextmanager
def planned(directory: Path, choices: Choices) -> Iterator[Plan]:
    plan = Plan(State(directory), choices)
    try:
        yield plan
    finally:
        plan.give_back()


@pytest.fixture(autouse=True)
def _no_real_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAMPUS_OIDC_PROVIDERS", raising=False)


def test_a_service_can_sign_somebody_in_with_what_it_is_told(tmp_path: Path) -> None:
    with planned(tmp_path, Choices()) as plan:
        (told,) = json.loads(outside.environment(plan)["CAMPUS_OIDC_PROVIDERS"])
        (standin,) = (one for one in outside.in_use(plan) if one.name == "oidc")
        provider = Provider(outside.folder(plan, "oidc"), *standin.options(plan))
        provider.port = plan.port("oidc")
        callback = f"{plan.public_url}/v1/oauth/{told['name']}/callback"
    provider.start()
    try:
        party = RelyingParty(
            framework=None,
            client_id=told["client_id"],
            client_secret=told["client_secret"],
            server_metadata_url=f"{told['issuer']}/.well-known/openid-configuration",
            client_kwargs={"scope": " ".join(told["scopes"]), "code_challenge_method": "S256"},
        )
        assert party.load_server_metadata()["issuer"] == told["issuer"]
        started = party.create_authorization_url(callback)
        location = provider.control("POST", "/authorize", {"query": started["url"], "identity": ADA})["location"]
        assert location.startswith(callback)
        token = party.fetch_access_token(
            callback, authorization_response=location, state=started["state"], code_verifier=started["code_verifier"]
        )
        claims = party.parse_id_token(token, nonce=started["nonce"])
        assert (claims["email"], claims["name"]) == (ADA["email"], "Ada Lovelace")
    finally:
        assert provider.stop() == 0


def test_the_secret_is_this_meshs_own_and_stays(tmp_path: Path) -> None:
    def secret(directory: Path) -> str:
        with planned(directory, Choices()) as plan:
            return str(json.loads(outside.environment(plan)["CAMPUS_OIDC_PROVIDERS"])[0]["client_secret"])

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert secret(tmp_path / "one") == secret(tmp_path / "one") != secret(tmp_path / "two")


def test_where_a_real_provider_is_named_none_is_started(tmp_path: Path) -> None:
    with planned(tmp_path, Choices(env={"CAMPUS_OIDC_PROVIDERS": "[]"})) as plan:
        assert "oidc" not in {one.name for one in outside.in_use(plan)}
        assert "CAMPUS_OIDC_PROVIDERS" not in outside.environment(plan)
