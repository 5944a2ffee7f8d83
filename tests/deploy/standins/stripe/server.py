"""The stand-in as a child process, and the real client pointed at it with the specification looking on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import stripe

from tests.deploy.standins.stripe.specification import Specification, split

KEY = "sk_test_0123456789abcdefghijklmn"
# One for all: making a client takes 20 ms for certificates that nobody needs here.
HTTP = httpx.Client(trust_env=False)
SECRET = "whsec_0123456789abcdefghijklmnopqrstuv"


class Judge(stripe.RequestsClient):
    """The client's own transport; notes every request and answer that departs from the specification."""

    def __init__(self, specification: Specification) -> None:
        super().__init__(timeout=20)
        self._specification = specification
        self.problems: list[str] = []
        self.seen: set[str] = set()
        self.status = 0
        self.headers: Any = {}

    # RequestsClient departs from its own base class in the same way.
    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:  # type: ignore[override]
        answer = super().request(method, url, headers, post_data)
        body, self.status, self.headers = answer
        path, query = split(url)
        operation = self._specification.operation(method, path)
        if operation is None:
            self.problems.append(f"{method} {path} is not in the document")
            return answer
        self.seen.add(operation["operationId"])
        found = self._specification.problems_of_response(operation, self.status, json.loads(body))
        # A request that was refused may be wrong on purpose; one that was accepted must be right.
        if self.status < 400:
            found += self._specification.problems_of_query(operation, query)
            if method == "post":
                found += self._specification.problems_of_request(operation, post_data or "")
        self.problems += found
        return answer


class Standin:
    """One stand-in on one state directory; `start` again after `stop` or `kill` keeps port and data."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        self.state_dir = state_dir
        self.options = options
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Standin":
        arguments = ["--port", str(self.port), "--state-dir", str(self.state_dir), "--api-key", KEY, *self.options]
        command = [sys.executable, "-m", "deploy.local.standins.stripe", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the stand-in ended before it was ready"
        ready = json.loads(line)
        assert ready == {"ready": True, "port": ready["port"]}
        self.port = ready["port"]
        return self

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(10)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def client(self, judge: Judge, key: str = KEY, retries: int = 0) -> Any:
        return stripe.StripeClient(
            key, base_addresses={"api": self.url}, http_client=judge, max_network_retries=retries
        ).v1

    def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return HTTP.request(method, f"{self.url}/_control{path}", json=body if method == "POST" else None)

    def fault(self, kind: str, **rule: Any) -> None:
        answer = self.control("POST", "/faults", {"kind": kind, **rule})
        assert answer.status_code == 201, answer.text

    def advance(self, seconds: float) -> None:
        assert self.control("POST", "/clock", {"advance_seconds": seconds}).status_code == 200

    def pay(self, session_id: str, card: str = "4242 4242 4242 4242", **entry: Any) -> httpx.Response:
        return self.control("POST", f"/sessions/{session_id}/pay", {"card": card, **entry})
