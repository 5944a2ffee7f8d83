"""A real NATS server with JetStream that syncs every message to disk before it says so."""

import json
import secrets
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from deploy.local import binaries, ports
from deploy.local.child import Child, spawn
from deploy.local.services import SERVICES
from deploy.local.trouble import MeshTrouble

# May read and write everything: the demo that shows events, and the drills that count them.
OBSERVER = "observer"
START_SECONDS = 20.0

# One statement per line: `store_dir` and `sync_interval` on one line do not parse.
CONFIG = """\
server_name: campus
listen: "{host}:{port}"
http: "{host}:{monitor_port}"
max_payload: 1MB
jetstream {{
  store_dir: "{store}"
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 8GB
}}
accounts {{
  CAMPUS {{
    jetstream: enabled
    users: [
{users}
    ]
  }}
}}
"""
# A service may announce only its own events; the rest is what JetStream's protocol needs.
USER = """\
      {{
        user: {name}
        password: "{password}"
        permissions {{
          publish {{ allow: {publish} }}
          subscribe {{ allow: {subscribe} }}
        }}
      }}"""


class Nats:
    """One server over one data directory; stop, kill and start again on the same port."""

    def __init__(
        self, data_dir: Path, port: int | None = None, users: Iterable[str] = SERVICES, log: Path | None = None
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or 0
        self.monitor_port = 0
        self.log = log or self.data_dir / "nats.log"
        self._users = (*users, OBSERVER)
        self._passwords: dict[str, str] = {}
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        if self._child is None:
            raise MeshTrouble("NATS is not running")
        return self._child

    def start(self) -> "Nats":
        """Start and return when it accepts connections, which it does after recovering its streams."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._load_passwords()
        self.port = self.port or ports.choose()
        self.monitor_port = self.monitor_port or ports.choose()
        config = self.data_dir / "nats.conf"
        config.touch(mode=0o600)
        config.write_text(self._config())
        self._child = spawn([binaries.nats_server(), "-c", config], self.log, env={}, cwd="/")
        self._await_ready()
        return self

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.kill()

    def url(self, service: str) -> str:
        """Return the address with the service's own user and password."""
        return f"nats://{service}:{self._passwords[service]}@{ports.LOOPBACK}:{self.port}"

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.child.running:
            try:
                with socket.create_connection((ports.LOOPBACK, self.port), timeout=1) as connection:
                    if connection.recv(5) == b"INFO ":
                        return
            except OSError:
                time.sleep(0.01)
        words = self.child.last_words()
        self.kill()
        raise MeshTrouble(f"NATS did not start: {words} (log: {self.log})")

    def _config(self) -> str:
        return CONFIG.format(
            host=ports.LOOPBACK,
            port=self.port,
            monitor_port=self.monitor_port,
            store=self.data_dir / "jetstream",
            users="\n".join(map(self._user, self._users)),
        )

    def _user(self, name: str) -> str:
        if name == OBSERVER:
            publish, subscribe = [">"], [">"]
        else:
            publish = [f"campus.{name}.>", "$JS.API.>", "$JS.ACK.>", "$JS.FC.>"]
            subscribe = ["_INBOX.>", "campus.>"]
        return USER.format(
            name=name,
            password=self._passwords[name],
            publish=json.dumps(publish),
            subscribe=json.dumps(subscribe),
        )

    def _load_passwords(self) -> None:
        path = self.data_dir / "passwords.json"
        if path.exists():
            self._passwords = json.loads(path.read_text())
        for name in self._users:
            self._passwords.setdefault(name, secrets.token_urlsafe(24))
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._passwords))
