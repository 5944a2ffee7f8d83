"""Where PostgreSQL's data and programs lie so that the user it runs as can reach them."""

import hashlib
import os
import shutil
from pathlib import Path

from deploy.local import binaries
from deploy.local.trouble import MeshTrouble


def for_data(wished: Path, user: str | None) -> Path:
    """Return the wished folder, or one in an open place when the wished one lies behind a closed door."""
    if user is None or _passable(wished):
        return wished
    name = f"campus-{hashlib.sha256(os.fsencode(wished)).hexdigest()[:16]}"
    return Path("/var/tmp") / name  # noqa: S108 - claim() checks whose it is


def claim(place: Path) -> None:
    """Make the folder ours, or say that it is somebody else's."""
    place.mkdir(parents=True, exist_ok=True)
    if place.stat().st_uid != os.geteuid():
        raise MeshTrouble(f"{place} belongs to somebody else: remove it, or choose another with CAMPUS_STATE_DIR")


def for_programs(place: Path, user: str | None) -> Path:
    """Return PostgreSQL's programs, copied beside the data if their own folder is closed to the user they run as."""
    install = binaries.postgres_install()
    if user is None or _passable(install / "bin"):
        return install
    site = place / "site"
    copy = site / install.parent.name / install.name
    if not (copy / "bin" / "postgres").exists():
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(install, copy, ignore=shutil.ignore_patterns("include"), symlinks=True)
        libraries = install.parent.parent / f"{install.parent.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, site / libraries.name)
    return copy


def _passable(path: Path) -> bool:
    """Tell whether every existing folder on the way can be entered by anybody."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())
