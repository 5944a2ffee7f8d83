"""The storage stand-in as a child process, and the real client pointed at it."""

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import google.auth
import httpx
from google.auth.transport.requests import Request as AuthRequest
from google.cloud import storage
from google.oauth2 import service_account

BUCKET = "campus-tests"

# Everything here is plain HTTP on this machine: loading the certificate store for each request would cost the most.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
WEB = httpx.Client(verify=NO_TLS, limits=httpx.Limits(max_keepalive_connections=0))


class Server:
    """One stand-in on one state directory; `start` again after `stop` or `kill` keeps port and data."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.port = 0
        self.account_path = state_dir / "account.json"
        self._process: subprocess.Popen[str] | None = None

    def command(self) -> list[str]:
        options = ["--port", str(self.port), "--state-dir", str(self.state_dir), "--bucket", BUCKET]
        module = "deploy.local.standins.storage"
        return [sys.executable, "-m", module, *options, "--service-account", str(self.account_path)]

    def start(self) -> "Server":
        self._process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the stand-in ended before it was ready"
        ready = json.loads(line)
        assert ready == {"ready": True, "port": ready["port"], "service_account": str(self.account_path)}
        self.port = ready["port"]
        return self

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._ended(self._process)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._ended(self._process)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """As services get it: by two environment variables, in the universe of the account."""
        before = dict(os.environ)
        os.environ["API_ENDPOINT_OVERRIDE"] = self.url
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(self.account_path)
        try:
            credentials, project = google.auth.default()
            options = {"universe_domain": credentials.universe_domain}
            return storage.Client(project, credentials, client_options=options)  # type: ignore[no-untyped-call]
        finally:
            os.environ.clear()
            os.environ.update(before)

    def bucket(self) -> Any:
        return self.client().bucket(BUCKET)

    def credentials(self) -> Any:
        path = str(self.account_path)
        return service_account.Credentials.from_service_account_file(path)  # type: ignore[no-untyped-call]

    def http(self, scope: str = "devstorage.read_write") -> httpx.Client:
        """Plain HTTP with a token that was really exchanged, for requests the client library would not send."""
        credentials = self.credentials().with_scopes([f"https://www.googleapis.com/auth/{scope}"])
        credentials.refresh(AuthRequest())
        return httpx.Client(verify=NO_TLS, base_url=self.url, headers={"Authorization": f"Bearer {credentials.token}"})

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> int:
        code = process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()
        return code
