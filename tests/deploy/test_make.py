"""The Makefile explains itself, and says in one line what a bare machine lacks."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "env", "make", "awk", "grep", "touch")
TOO_OLD = "#!/bin/sh\nexit 1\n"
# New enough, but cannot make a virtual environment, as where a distribution packages venv on its own.
WITHOUT_VENV = '#!/bin/sh\n[ "$1" = -m ] && exit 1\necho "Python 3.12.1"\n'


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A fresh copy of what `make` reads, and a PATH with nothing but the tools that every machine has."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def add_python(bare: Path, name: str, script: str) -> None:
    (bare / "bin" / name).write_text(script)
    (bare / "bin" / name).chmod(0o755)


def make(bare: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(bare / "bin"), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        ["make", "--no-print-directory", *words], cwd=bare, env=env, capture_output=True, text=True, check=False
    )


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("make:")]


def test_make_alone_lists_every_target_with_what_it_does(bare: Path) -> None:
    done = make(bare)
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    wanted = {"run", "reset", "test", "demo", "gen", "fmt", "lint", "breaking", "bench", "drill", "lock", "help"}
    assert wanted <= listed


@pytest.mark.parametrize("pythons", [(), ("python3",)], ids=["no python", "an old python"])
def test_a_missing_or_old_python_is_one_line(bare: Path, pythons: tuple[str, ...]) -> None:
    for name in pythons:
        add_python(bare, name, TOO_OLD)
    done = make(bare, "run")
    assert done.returncode != 0
    assert len(complaints(done)) == 1
    assert "Python 3.11 or newer is needed" in complaints(done)[0]


def test_a_python_without_venv_is_one_line_and_newer_names_are_tried(bare: Path) -> None:
    add_python(bare, "python3", TOO_OLD)
    add_python(bare, "python3.12", WITHOUT_VENV)
    done = make(bare, "run")
    assert done.returncode != 0
    assert len(complaints(done)) == 1
    assert "python3.12" in complaints(done)[0]
    assert "install its venv module" in complaints(done)[0]


def test_continuous_integration_calls_make_test_and_nothing_else() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    called = [line for line in script if line and not line.startswith(("#", "set ", "cd "))]
    assert called == ["exec make test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
