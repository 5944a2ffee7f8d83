"""The provider as a child process, and sign-ins made by hand so that each part of them can be wrong."""

import json
import re
import secrets
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from deploy.local.standins.oidc.codes import challenge_of

CLIENT_ID = "campus-tests"
CALLBACK = "http://localhost:8080/v1/oauth/google/callback"
ADA = {"email": "ada.lovelace@example.com"}

# What RFC 6749 allows: ASCII without quotes and backslashes.
DESCRIPTION = re.compile(r"[ !#-\[\]-~]+")

# Everything here is plain HTTP on this machine: loading the certificate store would cost the most.
WEB = httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False, timeout=10)


@dataclass
class Attempt:
    """One authorization request and what came back in the redirect."""

    query: dict[str, str]
    verifier: str
    answer: dict[str, str] = field(default_factory=dict)

    @property
    def nonce(self) -> str:
        return self.query["nonce"]


class Provider:
    """One provider on one state directory; `start` again after `stop` or `kill` keeps port and data."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        self.state_dir = state_dir
        self.options = options or ("--redirect-uri", CALLBACK, "--client-id", CLIENT_ID)
        self.port = 0
        self.ready: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "Provider":
        address = ("--port", str(self.port), "--state-dir", str(self.state_dir))
        command = [sys.executable, "-m", "deploy.local.standins.oidc", *address, *self.options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the provider ended before it was ready"
        self.ready = json.loads(line)
        assert self.ready["ready"] is True
        self.port = self.ready["port"]
        return self

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._ended(self._process)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._ended(self._process)

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> int:
        code = process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()
        return code

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secret(self) -> str:
        return str(json.loads((self.state_dir / "client.json").read_text())["client_secret"])

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = WEB.request(method, f"{self.url}/_control{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def fault(self, kind: str, **rule: Any) -> None:
        self.control("POST", "/faults", {"kind": kind, **rule})

    def request(self, **changes: str | None) -> Attempt:
        """A good authorization request with some parameters changed, or left out by None."""
        verifier = secrets.token_urlsafe(48)
        query: dict[str, str | None] = {
            "client_id": CLIENT_ID,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid email profile",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return Attempt({name: value for name, value in query.items() if value is not None}, verifier)

    def authorize(self, identity: dict[str, Any] | None = ADA, **changes: str | None) -> Attempt:
        """Go through the picker; the answer is what the redirect back carries."""
        attempt = self.request(**changes)
        body = {"query": urlencode(attempt.query), "identity": identity}
        location = self.control("POST", "/authorize", body)["location"]
        assert location.startswith(attempt.query["redirect_uri"])
        attempt.answer = dict(parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True))
        return attempt

    def exchange(self, attempt: Attempt, **changes: str | None) -> httpx.Response:
        """Redeem the code of an attempt."""
        sent: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": attempt.answer["code"],
            "redirect_uri": attempt.query["redirect_uri"],
            "code_verifier": attempt.verifier,
            **changes,
        }
        return self.post("/token", **sent)

    def post(self, path: str, **form: str | None) -> httpx.Response:
        """A call of the registered client, with its secret in the form unless `form` says otherwise."""
        sent = {"client_id": CLIENT_ID, "client_secret": self.secret, **form}
        return WEB.post(self.url + path, data={name: value for name, value in sent.items() if value is not None})

    def sign_in(self, identity: dict[str, Any] | None = ADA, **changes: str | None) -> dict[str, Any]:
        """The whole flow; what the token endpoint tells."""
        answer = self.exchange(self.authorize(identity, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def userinfo(self, access_token: str) -> httpx.Response:
        return WEB.get(f"{self.url}/v1/userinfo", headers={"Authorization": f"Bearer {access_token}"})


def refused(answer: httpx.Response, status: int, error: str) -> None:
    """The error form of RFC 6749, which nobody may cache."""
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
    assert DESCRIPTION.fullmatch(answer.json()["error_description"])
    assert answer.headers["cache-control"] == "no-store"
