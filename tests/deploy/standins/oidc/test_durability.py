"""What was answered survives the process, and what is secret is not readable in what survives."""

import stat

import pytest

from tests.deploy.standins.oidc.judges import KeyJudge
from tests.deploy.standins.oidc.provider import CALLBACK, CLIENT_ID, Provider, refused


def test_everything_survives_a_kill(own: Provider) -> None:
    someone = {"email": "durable@example.com", "email_verified": False}
    token = own.sign_in(someone, access_type="offline")
    sub = KeyJudge(own).claims(token["id_token"])["sub"]
    used, unused = own.authorize(someone), own.authorize(someone)
    own.exchange(used).raise_for_status()
    own.control("POST", "/keys/announce")
    own.fault("server_error", times=None)
    keys, secret = own.control("GET", "/keys"), own.secret
    own.kill()
    own.start()
    assert (own.control("GET", "/keys"), own.secret) == (keys, secret)
    assert own.control("GET", "/faults")["faults"] == []
    assert KeyJudge(own).claims(token["id_token"])["sub"] == sub
    assert own.userinfo(token["access_token"]).json()["sub"] == sub
    answer = own.post("/token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert KeyJudge(own).claims(answer.json()["id_token"])["sub"] == sub
    refused(own.exchange(used), 400, "invalid_grant")
    assert KeyJudge(own).claims(own.exchange(unused).json()["id_token"])["email_verified"] is False


def test_codes_tokens_and_secrets_are_kept_as_hashes_in_files_of_the_owner(own: Provider) -> None:
    token = own.sign_in(access_type="offline")
    code, secret = own.authorize().answer["code"], own.secret
    own.kill()
    files = [path for path in own.state_dir.iterdir() if path.name != "client.json"]
    kept = b"".join(path.read_bytes() for path in files)
    assert CLIENT_ID.encode() in kept
    for hidden in (token["access_token"], token["refresh_token"], code, secret):
        assert hidden.encode() not in kept
    for path in own.state_dir.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_it_stops_when_told(own: Provider) -> None:
    own.sign_in()
    assert own.stop() == 0


def test_the_secret_and_the_places_can_be_given(own: Provider) -> None:
    attempt = own.authorize()
    own.stop()
    elsewhere = "https://campus.example/v1/oauth/google/callback"
    own.options = ("--client-id", CLIENT_ID, "--client-secret", "GOCSPX-given", "--redirect-uri", elsewhere)
    own.start()
    refused(own.exchange(attempt), 401, "invalid_client")
    assert "code" in own.authorize(redirect_uri=elsewhere).answer
    with pytest.raises(AssertionError, match="redirect_uri_mismatch"):
        own.authorize(redirect_uri=CALLBACK)
    # The code was sent to a place that was right then.
    assert own.exchange(attempt, client_secret="GOCSPX-given").status_code == 200
