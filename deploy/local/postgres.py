"""A real PostgreSQL server from its Python package, with one database and three roles per service."""

import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local import placement, ports
from deploy.local.child import Child, identity, spawn
from deploy.local.trouble import MeshTrouble

SUPERUSER = "campus"
UNPRIVILEGED = "nobody"
EXTENSIONS = ("pg_trgm", "btree_gist", "unaccent", "citext", "vector")
# PostgreSQL refuses a socket path longer than the kernel's sockaddr_un; the name's longest form is `.s.PGSQL.65535`.
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.65535")
START_SECONDS = 30.0
SETTINGS = {
    "max_connections": "200",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
}


class Postgres:
    """One server over one data directory; stop and start again as often as you like."""

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or 0
        self.log = log or self.data_dir / "postgres.log"
        self._settings = {**SETTINGS, **(settings or {})}
        self._child: Child | None = None
        # PostgreSQL refuses to run as root.
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._place = placement.for_data(self.data_dir, self._user)
        self._passwords: dict[str, str] = {}
        self._known: list[str] = []

    @property
    def child(self) -> Child:
        if self._child is None:
            raise MeshTrouble("PostgreSQL is not running")
        return self._child

    @property
    def cluster(self) -> Path:
        """The directory PostgreSQL itself owns (PGDATA)."""
        return self._place / "cluster"

    @property
    def socket_dir(self) -> Path | None:
        """The folder of the Unix socket, or nothing where its path would be too long."""
        folder = self._place / "socket"
        return folder if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER else None

    def start(self) -> "Postgres":
        """Initialise on first use, start, and return when it accepts connections."""
        self._prepare()
        self.port = self.port or ports.choose()
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._child = self._spawn()
            if self._await_ready(deadline):
                return self
            # After a crash the old backends need a moment to notice; until then the new server refuses to start.
            if "shared memory block" not in self.child.last_words(6) or time.monotonic() > deadline:
                raise MeshTrouble(f"PostgreSQL did not start: {self.child.last_words()} (log: {self.log})")
            time.sleep(0.1)

    def stop(self) -> None:
        """Shut down fast: running transactions are rolled back, nothing committed is lost."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.kill()

    def url(self, database: str, role: str) -> str:
        """Return the libpq URL of a database for a role, e.g. `url("campus_billing", "billing_writer")`."""
        return f"postgresql://{role}:{self._passwords[role]}@{ports.LOOPBACK}:{self.port}/{database}"

    def admin_url(self, database: str = "postgres") -> str:
        """Return the superuser's URL."""
        return self.url(database, SUPERUSER)

    def service_urls(self, name: str) -> dict[str, str]:
        """Return what a service's process is given: its three database URLs by environment name."""
        return {
            f"CAMPUS_DATABASE_{kind.upper()}_URL": self.url(f"campus_{name}", f"{name}_{kind}")
            for kind in ("owner", "writer", "reader")
        }

    def ensure_service(self, name: str) -> None:
        """Create the service's database and its owner, writer and reader roles, unless they are there."""
        if name in self._known:
            return
        # Imported here: a second start finds everything in place and must not pay for the driver.
        from deploy.local import roles

        for kind in ("owner", "writer", "reader"):
            self._passwords.setdefault(f"{name}_{kind}", secrets.token_urlsafe(24))
        self._remember()
        roles.ensure(self, name, {kind: self._passwords[f"{name}_{kind}"] for kind in ("owner", "writer", "reader")})
        self._known.append(name)
        self._remember()

    def drop_service(self, name: str) -> None:
        """Remove the service's database and roles."""
        from deploy.local import roles

        roles.drop(self, name)
        self._known.remove(name)
        self._remember()

    def clear(self) -> None:
        """Remove all data, wherever it lies."""
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _prepare(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        placement.claim(self._place)
        self._install = placement.for_programs(self._place, self._user)
        for folder in (self.cluster, self.socket_dir):
            if folder is not None:
                folder.mkdir(mode=0o700, exist_ok=True)
                self._hand_over(folder)
        if (self.cluster / "PG_VERSION").exists():
            self._recall()
        else:
            self._initialise()

    def _initialise(self) -> None:
        self._passwords, self._known = {SUPERUSER: secrets.token_urlsafe(24)}, []
        shutil.rmtree(self.cluster)
        self.cluster.mkdir(mode=0o700)
        self._hand_over(self.cluster)
        password_file = self._place / "initdb.password"
        password_file.touch(mode=0o600)
        try:
            password_file.write_text(self._passwords[SUPERUSER])
            self._hand_over(password_file)
            done = self._run_initdb(password_file)
        finally:
            password_file.unlink()
        if done.returncode:
            shutil.rmtree(self.cluster)
            raise MeshTrouble(f"PostgreSQL could not be initialised in {self.cluster}: {done.stderr.strip()[-400:]}")
        self._remember()

    def _run_initdb(self, password_file: Path) -> subprocess.CompletedProcess[str]:
        command = [self._install / "bin" / "initdb", "-D", self.cluster, "-U", SUPERUSER, "--pwfile", password_file]
        options = ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            [*map(str, command), *options],
            capture_output=True,
            text=True,
            env=_environment(),
            cwd="/",
            **identity(self._user),
        )

    def _spawn(self) -> Child:
        settings = {
            **self._settings,
            "listen_addresses": ports.LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_dir or ""),
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command: list[str | Path] = [self._install / "bin" / "postgres", "-D", self.cluster, *options]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        return spawn(command, self.log, env=_environment(), user=self._user, stop_signal=signal.SIGINT, cwd="/")

    def _await_ready(self, deadline: float) -> bool:
        """Watch the pid file, as pg_ctl does: its eighth line says when connections are accepted."""
        pid_file = self.cluster / "postmaster.pid"
        while time.monotonic() < deadline and self.child.running:
            try:
                lines = pid_file.read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) > 7 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.01)
        self.child.kill()
        return False

    def _hand_over(self, path: Path) -> None:
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _remember(self) -> None:
        path = self.data_dir / "passwords.json"
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({"passwords": self._passwords, "services": self._known}))
        fresh.replace(path)

    def _recall(self) -> None:
        try:
            kept = json.loads((self.data_dir / "passwords.json").read_text())
        except OSError as error:
            raise MeshTrouble(f"the passwords of {self.cluster} are gone ({error}): run `make reset`") from error
        self._passwords, self._known = kept["passwords"], kept["services"]


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
