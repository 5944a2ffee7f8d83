"""`python -m deploy.local run | reset | status`."""

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

from deploy.local import terminal
from deploy.local.board import Board, for_terminal
from deploy.local.mesh import STATE_DIR, Mesh
from deploy.local.plan import USUAL_PORT
from deploy.local.postgres import Postgres
from deploy.local.services import SERVICES
from deploy.local.state import State
from deploy.local.trouble import MeshTrouble


class _Interrupted(BaseException):
    """Ctrl-C or SIGTERM."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser("run", help="start the mesh and keep it until Ctrl-C")
    run_parser.add_argument("--only", metavar="SERVICE,...", help="start just these services")
    run_parser.add_argument("--no-seed", action="store_true", help="make no demo accounts and courses")
    commands.add_parser("reset", help="remove all local data")
    commands.add_parser("status", help="show what runs")
    chosen = parser.parse_args(arguments)
    state_dir = Path(os.environ.get("CAMPUS_STATE_DIR") or STATE_DIR)
    try:
        if chosen.command == "run":
            return _run(state_dir, _services(chosen.only), seed=not chosen.no_seed)
        return _reset(state_dir) if chosen.command == "reset" else terminal.status(state_dir)
    except MeshTrouble as trouble:
        print(f"campus: {trouble}", file=sys.stderr)
        return 1


def _run(state_dir: Path, services: tuple[str, ...], *, seed: bool) -> int:
    board = for_terminal()
    mesh = Mesh(state_dir, _gateway_port(), services=services, seed=seed, board=board)
    _raise_on_signals()
    try:
        mesh.start()
        board.settle()
        terminal.announce(mesh)
        while True:
            signal.pause()
    except _Interrupted:
        board.say("stopping")
    finally:
        _stop(mesh, board)
    return 1 if mesh.given_up else 0


def _stop(mesh: Mesh, board: Board) -> None:
    # A second Ctrl-C must not leave half of the processes behind; stopping is bounded in time.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    mesh.stop()
    board.settle()


def _raise_on_signals() -> None:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise _Interrupted

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def _reset(state_dir: Path) -> int:
    state = State(state_dir)
    if not state.directory.exists():
        print(f"nothing to clear: {state.directory} does not exist")
        return 0
    state.acquire()
    Postgres(state.path("postgres")).clear()
    shutil.rmtree(state.directory)
    state.release()
    print(f"cleared {state.directory}")
    return 0


def _services(only: str | None) -> tuple[str, ...]:
    if only is None:
        return SERVICES
    chosen = tuple(name for name in only.split(",") if name)
    for name in chosen:
        if name not in SERVICES:
            raise MeshTrouble(f"there is no service {name}: choose from {', '.join(SERVICES)}")
    return chosen


def _gateway_port() -> int:
    value = os.environ.get("CAMPUS_GATEWAY_PORT") or str(USUAL_PORT)
    if not value.isdecimal():
        raise MeshTrouble(f"CAMPUS_GATEWAY_PORT is {value!r}: set it to a port number, e.g. 8081")
    return int(value)


if __name__ == "__main__":
    sys.exit(main())
