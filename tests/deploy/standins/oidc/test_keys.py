"""The key set: two keys, of which the newer one signs; a client that keeps its set meets a key it does not know."""

import jwt
import pytest

from tests.deploy.standins.oidc.judges import KeyJudge, authlib_sign_in
from tests.deploy.standins.oidc.provider import ADA, WEB, Provider


def kids(provider: Provider) -> list[str]:
    return [key["kid"] for key in WEB.get(f"{provider.url}/oauth2/v3/certs").json()["keys"]]


def test_two_public_keys_are_published_and_nothing_private(provider: Provider) -> None:
    answer = WEB.get(f"{provider.url}/oauth2/v3/certs")
    assert "max-age" in answer.headers["cache-control"]
    published = answer.json()["keys"]
    assert len({key["kid"] for key in published}) == 2
    for key in published:
        assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert jwt.PyJWK(key).key.key_size == 2048


def test_a_rotated_key_signs_at_once_and_its_predecessor_stays_for_one_rotation(provider: Provider) -> None:
    old_token, before = provider.sign_in()["id_token"], kids(provider)
    provider.control("POST", "/keys/rotate")
    new_token, between = provider.sign_in()["id_token"], kids(provider)
    assert between == [jwt.get_unverified_header(new_token)["kid"], before[0]]
    assert KeyJudge(provider).claims(old_token)["sub"] == KeyJudge(provider).claims(new_token)["sub"]
    provider.control("POST", "/keys/rotate")
    assert before[0] not in kids(provider)
    with pytest.raises(jwt.PyJWKClientError):
        KeyJudge(provider).claims(old_token)


def test_an_announced_key_signs_later_and_surprises_nobody(provider: Provider) -> None:
    signing = provider.control("GET", "/keys")["signing"]
    announced = provider.control("POST", "/keys/announce")
    assert provider.control("POST", "/keys/announce") == announced
    assert announced == {"signing": signing, "kids": kids(provider)}
    assert announced["kids"][1] == signing
    # Has the set from before the rotation, and would not ask for another so soon.
    judge = KeyJudge(provider, cooldown_seconds=3600)
    before = provider.sign_in()["id_token"]
    assert jwt.get_unverified_header(before)["kid"] == signing
    judge.claims(before)
    assert provider.control("POST", "/keys/rotate")["signing"] == announced["kids"][0]
    after = provider.sign_in()["id_token"]
    assert jwt.get_unverified_header(after)["kid"] == announced["kids"][0]
    assert judge.claims(after)["sub"] == judge.claims(before)["sub"]
    provider.control("POST", "/keys/rotate")
    with pytest.raises(jwt.PyJWKClientError):
        judge.claims(provider.sign_in()["id_token"])


def test_a_client_that_kept_the_keys_asks_again_for_an_unknown_one(provider: Provider) -> None:
    judge = KeyJudge(provider)
    judge.claims(provider.sign_in()["id_token"])
    for _ in range(2):
        provider.control("POST", "/keys/rotate")
        token = provider.sign_in()["id_token"]
        assert judge.claims(token)["iss"] == provider.url
    assert authlib_sign_in(provider, ADA)[1]["iss"] == provider.url
