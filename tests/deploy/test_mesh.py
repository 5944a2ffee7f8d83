"""`python -m deploy.local`: one mesh per directory, clear words for every trouble, nothing left behind."""

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local.mesh import Mesh, running
from deploy.local.postgres import Postgres
from deploy.local.trouble import MeshTrouble

ROOT = Path(__file__).parents[2]
# The mesh around the services: what the services themselves do in it is shown by the end-to-end tests.
RUN = ("run", "--only", "", "--no-seed")
READY_WORDS = "Campus is ready"


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="campus-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / ".campus"
        Postgres(Path(folder) / ".campus" / "postgres").clear()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(state_dir: Path, *words: str, port: int | None = None, **options: Any) -> subprocess.Popen[str]:
    env = {**os.environ, "CAMPUS_STATE_DIR": str(state_dir), "CAMPUS_GATEWAY_PORT": str(port or free_port())}
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def wait_until_ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            return said
    assert process.stderr is not None
    raise AssertionError(f"never ready: {said}{process.stderr.read()}")


def described(state_dir: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((state_dir / "mesh.json").read_text())
    return found


def processes_of(state_dir: Path) -> list[str]:
    """Every process of this machine that was started for a state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if entry.name.isdecimal() and str(state_dir) in words:
            found.append(words)
    return found


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> tuple[str, str, int]:
    process.send_signal(number)
    said, complained = process.communicate(timeout=40)
    return said, complained, process.returncode


def all_gone(state_dir: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while processes_of(state_dir):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_run_says_what_is_where_and_ctrl_c_leaves_nothing_behind_but_the_data(state_dir: Path) -> None:
    first = command(state_dir, *RUN)
    said = wait_until_ready(first)
    mesh = described(state_dir)
    assert READY_WORDS in said
    for part in ("keys", "postgres", "nats", "stripe", "storage", "mail", "oidc", "gateway"):
        assert any(line.split()[:2] == ["ready", part] for line in said.splitlines()), part
    assert mesh["gateway"] in said
    assert mesh["gateway_tls"] in said
    with urllib.request.urlopen(mesh["gateway"] + "/docs", timeout=5) as page:  # noqa: S310 - our own gateway
        assert page.status == 200
    said, complained, code = stop(first)
    assert (complained, code) == ("", 0)
    stopped = [line.split()[1] for line in said.splitlines() if line.split()[:1] == ["stopped"]]
    assert stopped[0] == "gateway"
    assert stopped[-2:] == ["nats", "postgres"]
    assert not processes_of(state_dir)
    assert running(state_dir) is None

    second = command(state_dir, *RUN)
    wait_until_ready(second)
    kept = {name: port for name, port in described(state_dir)["ports"].items() if name != "gateway"}
    assert kept == {name: port for name, port in mesh["ports"].items() if name != "gateway"}
    stop(second, signal.SIGTERM)
    assert not processes_of(state_dir)


def test_on_a_terminal_the_picture_is_redrawn_in_place(state_dir: Path) -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "CAMPUS_STATE_DIR": str(state_dir), "CAMPUS_GATEWAY_PORT": str(free_port()), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", *RUN], cwd=ROOT, env=env, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    while b"Ctrl-C" not in said:
        said += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):
        while more := os.read(ours, 65536):
            said += more
    os.close(ours)
    assert process.wait(20) == 0
    cursor_up, last = b"\x1b[1A", said.rpartition(b"\x1b[2K")[2]
    assert cursor_up in said
    assert b"postgres" in last
    assert last.count(b"stopped") >= 5
    assert not processes_of(state_dir)


def test_two_at_once_and_reset_are_refused_while_one_runs(state_dir: Path) -> None:
    first = command(state_dir, *RUN)
    wait_until_ready(first)
    before = (state_dir / "mesh.json").read_text()
    try:
        for words in (RUN, ("reset",)):
            other = command(state_dir, *words)
            said, complained = other.communicate(timeout=20)
            assert other.returncode == 1
            assert said == ""
            assert complained.count("\n") == 1
            assert "already running" in complained
            assert str(first.pid) in complained
        status = command(state_dir, "status")
        said, _ = status.communicate(timeout=20)
        assert status.returncode == 0
        assert "postgres" in said
        assert (state_dir / "mesh.json").read_text() == before
    finally:
        stop(first)
    reset = command(state_dir, "reset")
    assert "cleared" in reset.communicate(timeout=20)[0]
    assert not state_dir.exists()


def test_a_taken_port_is_one_line_that_says_what_to_do(state_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = command(state_dir, *RUN, port=port)
        _, complained = refused.communicate(timeout=20)
    assert refused.returncode == 1
    assert complained.count("\n") == 1
    assert f"port {port}" in complained
    assert "CAMPUS_GATEWAY_PORT=" in complained


def test_a_missing_right_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused = command(tmp_path / "file" / ".campus", *RUN)
    _, complained = refused.communicate(timeout=20)
    assert refused.returncode == 1
    assert complained.count("\n") == 1
    assert "CAMPUS_STATE_DIR" in complained


def test_a_process_that_cannot_start_stops_the_run_with_one_line(state_dir: Path) -> None:
    state_dir.mkdir()
    # Where the stand-in of the mail server wants to keep its folder lies a file.
    (state_dir / "standins").mkdir()
    (state_dir / "standins" / "mail").write_text("in the way")
    failed = command(state_dir, *RUN)
    _, complained = failed.communicate(timeout=40)
    assert failed.returncode == 1
    assert complained.count("\n") == 1
    assert "mail" in complained
    assert not processes_of(state_dir)


def test_nothing_is_left_behind_when_the_supervisor_is_killed(state_dir: Path) -> None:
    process = command(state_dir, *RUN)
    wait_until_ready(process)
    assert len(processes_of(state_dir)) >= 4
    process.kill()
    process.communicate(timeout=20)
    assert all_gone(state_dir, seconds=15)
    again = command(state_dir, *RUN)
    wait_until_ready(again)
    stop(again)


def test_ctrl_c_while_starting_leaves_nothing_behind(state_dir: Path) -> None:
    process = command(state_dir, *RUN)
    assert process.stdout is not None
    for line in process.stdout:
        if line.split()[:2] == ["starting", "postgres"]:
            break
    _, complained, code = stop(process)
    assert (complained, code) == ("", 0)
    assert not processes_of(state_dir)


def test_tests_and_drills_start_meshes_of_their_own(state_dir: Path) -> None:
    with Mesh(state_dir, services=(), seed=False) as mesh:
        assert mesh.process("postgres").rss_mb > 5
        assert 0 < mesh.process("nats").ready_s < 10
        assert running(state_dir) is not None
        with pytest.raises(MeshTrouble, match="already running"):
            Mesh(state_dir, services=(), seed=False).start()
        mesh.process("postgres").kill()
        deadline = time.monotonic() + 20
        while not (mesh.process("postgres").restarts and mesh.process("postgres").running):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        mesh.process("postgres").start()
        with psycopg.connect(mesh.plan.postgres.admin_url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not processes_of(state_dir)
