"""The import rules hold, and each of them would notice a violation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": f"{tree}:{tree / 'gen'}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree without its caches, to plant violations in."""
    for name in ("services", "gateway", "deploy", "gen"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_import_rules_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("services/identity/domain/user.py", "import grpc", "Domain, ports, commands"),
        ("services/identity/commands.py", "import services.identity.adapters.postgres", "Inside a service"),
        ("services/identity/helpers.py", "", "Inside a service"),
        ("services/billing/api.py", "import services.identity.domain.user", "Services are strangers"),
        ("services/kernel/ids.py", "import services.chassis.errors", "Services are strangers"),
        ("services/chassis/errors.py", "import deploy.local.pki", "Services know neither"),
        ("gateway/contract.py", "import services.kernel.ids", "The gateway's tools"),
    ],
)
def test_a_planted_violation_is_found(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / file).open("a") as module:
        module.write(f"\n{line}\n")
    done = lint_imports(copy)
    broken = [found for found in done.stdout.splitlines() if found.endswith("BROKEN")]
    assert done.returncode != 0
    assert any(found.startswith(contract) for found in broken) or contract in done.stdout, done.stdout
