"""Processes count as ready when they say so, come back after a crash, and never outlive their supervisor."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import health, ports
from deploy.local.board import Phase
from deploy.local.child import Child
from deploy.local.pki import GATEWAY, Pki
from deploy.local.program import Launch, Program
from deploy.local.supervised import QUICK_CRASHES, Supervised
from deploy.local.trouble import MeshTrouble
from deploy.local.watch import Watch

ROOT = Path(__file__).parents[2]
WARM_UP_SECONDS = 0.3


class Heard:
    """A board that remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def show(self, name: str, phase: Phase, detail: str = "") -> None:
        self.lines.append(f"{name} {phase} {detail}")

    def say(self, line: str) -> None:
        self.lines.append(line)

    def settle(self) -> None:
        self.lines.append("settled")


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def script(tmp_path: Path, code: str, ready: Callable[[Child], bool], name: str = "script") -> Supervised:
    def launch() -> Launch:
        return Launch((sys.executable, "-c", code), dict(os.environ), ready)

    return Supervised(name, Program(name, launch, tmp_path / f"{name}.log", tmp_path, patience_seconds=10))


@pytest.fixture
def service(pki: Pki, tmp_path: Path) -> Iterator[Supervised]:
    address = f"127.0.0.1:{ports.choose()}"

    def launch() -> Launch:
        program = (sys.executable, "-m", "tests.deploy.health_server", address, pki.directory, str(WARM_UP_SECONDS))
        return Launch(program, dict(os.environ), health.grpc_serving((address,), pki.of(GATEWAY)))

    process = Supervised("service", Program("service", launch, tmp_path / "service.log", ROOT))
    yield process
    process.terminate()


def test_a_service_is_ready_when_its_health_says_serving_over_mtls(service: Supervised) -> None:
    service.start()
    assert "serving now" in service.log.read_text()
    assert service.ready_s >= WARM_UP_SECONDS
    assert service.rss_mb > 5


def test_a_terminated_process_stays_down_until_it_is_started(service: Supervised) -> None:
    service.start()
    first = service.pid
    service.terminate()
    assert not service.running
    assert not service.lost
    service.restart()
    assert service.running
    assert service.pid != first


def test_a_process_that_ends_before_it_is_ready_says_why_and_where_to_read_more(tmp_path: Path) -> None:
    process = script(tmp_path, "raise SystemExit('CAMPUS_LISTEN: Field required')", lambda _: False)
    with pytest.raises(MeshTrouble, match="CAMPUS_LISTEN: Field required") as trouble:
        process.start()
    assert str(process.log) in str(trouble.value)
    assert "\n" not in str(trouble.value)


def test_the_reason_in_a_json_log_is_told_in_plain_words(tmp_path: Path) -> None:
    line = '{"level": "critical", "message": "unexpected end", "error": {"type": "KeyError", "at": ["run.py:1"]}}'
    process = script(tmp_path, f"print({line!r}); raise SystemExit(1)", lambda _: False)
    with pytest.raises(MeshTrouble, match=r"it was ready: unexpected end \(KeyError\) \(log: "):
        process.start()


def test_a_start_that_gets_nowhere_can_be_broken_off(tmp_path: Path) -> None:
    process = script(tmp_path, "import time; time.sleep(600)", lambda _: False)
    failures: list[str] = []

    def start() -> None:
        try:
            process.start()
        except MeshTrouble as trouble:
            failures.append(str(trouble))

    starting = threading.Thread(target=start)
    starting.start()
    assert eventually(lambda: process.running)
    begun = time.monotonic()
    process.terminate()
    starting.join()
    assert time.monotonic() - begun < 5
    assert not process.running
    assert len(failures) == 1


def test_a_crashed_process_is_brought_back(service: Supervised) -> None:
    heard, changes = Heard(), threading.Event()
    service.start()
    first = service.pid
    assert first is not None
    watch = Watch([service], heard, changes.set)
    watch.start()
    os.kill(first, signal.SIGKILL)
    assert changes.wait(15)
    watch.stop()
    assert service.running
    assert (service.restarts, service.pid != first) == (1, True)
    assert any(str(service.log) in line and "code -9" in line for line in heard.lines)


def test_a_process_that_keeps_crashing_is_given_up(tmp_path: Path) -> None:
    heard = Heard()
    process = script(tmp_path, "print('up', flush=True); raise SystemExit(3)", lambda child: not child.running)
    process.start()
    watch = Watch([process], heard, lambda: None)
    watch.start()
    assert eventually(lambda: watch.given_up == ["script"], 30)
    watch.stop()
    assert process.log.read_text().count("up") == QUICK_CRASHES
    assert sum("given up" in line for line in heard.lines) == 1


def test_a_whole_group_ends_in_order_with_its_leader(tmp_path: Path) -> None:
    code = (
        "import os, signal, time\n"
        "worker = os.fork()\n"
        "def end(*_):\n"
        "    time.sleep(0.2 if worker == 0 else 0); print('ended', worker == 0, flush=True); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('child' if worker == 0 else 'leader', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    process = script(tmp_path, code, lambda _: True, "group")
    process.start()
    assert eventually(lambda: "child" in process.log.read_text() and "leader" in process.log.read_text())
    process.terminate()
    assert process.log.read_text().count("ended") == 2


@pytest.mark.parametrize("guard_dies_first", [False, True], ids=["", "after its guard was killed, too"])
def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path, *, guard_dies_first: bool) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from deploy.local import child\n"
        "log, sleeper = Path(sys.argv[1]), 'import time; time.sleep(600)'\n"
        "first = child.spawn([sys.executable, '-c', sleeper], log, env=dict(os.environ))\n"
        f"if {guard_dies_first}: child._guard._process.kill(); child._guard._process.wait()\n"
        "second = child.spawn([sys.executable, '-c', sleeper], log, env=dict(os.environ))\n"
        "print(first.pid, second.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "child.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(word) for word in supervisor.stdout.readline().split()]
        assert not any(map(gone, pids))
        supervisor.kill()
    assert eventually(lambda: all(map(gone, pids)))


def test_a_process_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    asks_to_end_with_its_parent = (
        "import ctypes, time; ctypes.CDLL(None).prctl(1, 15); print(1, flush=True); time.sleep(60)"
    )
    log = tmp_path / "script.log"
    process = script(tmp_path, asks_to_end_with_its_parent, lambda _: log.read_text() != "")
    starter = threading.Thread(target=process.start)
    starter.start()
    starter.join()
    try:
        time.sleep(WARM_UP_SECONDS)
        assert process.running
    finally:
        process.terminate()
