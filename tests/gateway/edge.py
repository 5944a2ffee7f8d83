"""A running Envoy with the rendered configuration, and the tokens it accepts."""

import base64
import json
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.envoy import GatewaySettings, render

ENVOY = Path(sysconfig.get_path("scripts")) / "envoy"
KEY_ID = "key-1"


class Signer:
    """Signs access tokens as identity does, and publishes the key they are checked by."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    @property
    def key_set(self) -> bytes:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        key = {"kty": "OKP", "crv": "Ed25519", "kid": KEY_ID, "use": "sig", "alg": "EdDSA", "x": x}
        return json.dumps({"keys": [key]}).encode()

    def token(self, subject: str = "u-1", *, life: float = 600, **claims: Any) -> str:
        content = {"iss": "https://campus", "aud": "campus", "sub": subject, "exp": time.time() + life} | claims
        content = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(content, self.key, "EdDSA", {"kid": KEY_ID, "typ": "at+jwt"})

    def bearer(self, subject: str = "u-1", **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(subject, **claims)}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@dataclass
class Edge:
    """The gateway as a process."""

    settings: GatewaySettings
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.listen_port}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.settings.listen_port}"

    @property
    def config(self) -> Path:
        return self.directory / "envoy.json"

    def start(self) -> "Edge":
        self.config.write_text(render(self.settings), encoding="utf-8")
        command = [str(ENVOY), "-c", str(self.config), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
        command += ["--file-flush-interval-msec", "50", "--drain-time-s", "1"]
        self.directory.mkdir(exist_ok=True)
        with (self.directory / "out").open("wb") as out, (self.directory / "err").open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err)
        return self

    def validate(self) -> subprocess.CompletedProcess[str]:
        self.config.write_text(render(self.settings), encoding="utf-8")
        command = [str(ENVOY), "--mode", "validate", "-c", str(self.config), "--disable-hot-restart"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    def wait_ready(self, bearer: dict[str, str], path: str) -> None:
        """Ready, and in possession of the keys."""

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, (self.directory / "err").read_text()
            try:
                return (
                    httpx.get(f"{self.url}/readyz").status_code == 200
                    and httpx.get(f"{self.url}{path}", headers=bearer).status_code == 200
                )
            except httpx.TransportError:
                return False

        wait_until(answers, seconds=15, what="the gateway is ready")

    def log(self) -> list[dict[str, Any]]:
        lines = (self.directory / "out").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
