"""Generates gen/ and docs/api-spec.yaml from proto/: `python -m gateway.generate [--check]`."""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

# google/** is left out: googleapis-common-protos ships it. buf/validate is shipped by nobody.
GENERATED_ROOTS = ("campus/", "buf/")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A buf workspace and the two places its products are committed to."""

    root: Path

    @property
    def gen(self) -> Path:
        return self.root / "gen"

    @property
    def spec(self) -> Path:
        return self.root / "docs" / "api-spec.yaml"


def run(command: list[str], *, cwd: Path, extra_path: Path | None = None) -> str:
    """Run one tool of this virtual environment; its own words are the error message."""
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
    if extra_path is not None:
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(extra_path), str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")])
        )
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def build_descriptors(root: Path, target: Path, *, comments: bool) -> None:
    """Compile the whole workspace, so that error details known to no RPC are in the set as well."""
    buf = str(Path(sysconfig.get_path("scripts")) / "buf")
    keep = [] if comments else ["--exclude-source-info"]
    run([buf, "build", "--as-file-descriptor-set", *keep, "-o", str(target)], cwd=root)


def generate_stubs(described: Path, target: Path, *, root: Path) -> None:
    """Write messages, synchronous service stubs and their types, as ordinary packages."""
    files = [
        file
        for file in FileDescriptorSet.FromString(described.read_bytes()).file
        if file.name.startswith(GENERATED_ROOTS)
    ]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={described}"]
    messages = [f"--python_out={target}", f"--mypy_out=quiet:{target}"]
    run([*protoc, *messages, *sorted(file.name for file in files)], cwd=root)
    stubs = [f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet,only_sync:{target}"]
    if with_services := sorted(file.name for file in files if file.service):
        run([*protoc, *stubs, *with_services], cwd=root)
    packages = {parent for file in target.rglob("*.py") for parent in file.relative_to(target).parents}
    for package in packages - {Path()}:
        (target / package / "__init__.py").touch()


def generate(workspace: Workspace, target: Workspace) -> None:
    """Write every product of the workspace below the target, which is empty."""
    target.gen.mkdir(parents=True)
    target.spec.parent.mkdir(parents=True)
    described = target.root / "described.binpb"
    build_descriptors(workspace.root, described, comments=True)
    build_descriptors(workspace.root, target.gen / "descriptors.binpb", comments=False)
    generate_stubs(described, target.gen, root=workspace.root)
    # A process of its own: it must read the options with the stubs just made, not with those on the import path.
    document = run([sys.executable, "-m", "gateway.openapi", str(described)], cwd=target.root, extra_path=target.gen)
    target.spec.write_text(document, encoding="utf-8")


def differences(fresh: Workspace, committed: Workspace) -> Iterator[tuple[str, Path]]:
    """Compare the products by content: (missing | stale | differs, path below the root)."""
    wanted = products(fresh)
    present = products(committed)
    for path in sorted(wanted | present):
        if path not in present:
            yield "missing", path
        elif path not in wanted:
            yield "stale", path
        elif not filecmp.cmp(fresh.root / path, committed.root / path, shallow=False):
            yield "differs", path


def products(workspace: Workspace) -> set[Path]:
    files = {file for file in workspace.gen.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    if workspace.spec.is_file():
        files.add(workspace.spec)
    return {file.relative_to(workspace.root) for file in files}


def install(fresh: Workspace, committed: Workspace) -> list[tuple[str, Path]]:
    """Bring the committed products to the fresh state, touching only what changed."""
    changed = list(differences(fresh, committed))
    for kind, path in changed:
        if kind == "stale":
            (committed.root / path).unlink()
            continue
        (committed.root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fresh.root / path, committed.root / path)
    remove_empty_directories(committed.gen)
    return changed


def remove_empty_directories(root: Path) -> None:
    for directory in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if directory.name == "__pycache__" and not any(directory.parent.glob("*.py")):
            shutil.rmtree(directory)
        elif not any(directory.iterdir()):
            directory.rmdir()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gateway.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a product is not up to date")
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent, help="the workspace")
    options = parser.parse_args(arguments)
    committed = Workspace(options.root.resolve())
    with tempfile.TemporaryDirectory() as directory:
        fresh = Workspace(Path(directory))
        generate(committed, fresh)
        changed = list(differences(fresh, committed)) if options.check else install(fresh, committed)
    for kind, path in changed:
        print(f"{kind:8} {path}" if options.check else f"{'removed' if kind == 'stale' else 'wrote':8} {path}")
    if options.check and changed:
        print(f"{len(changed)} generated file(s) out of date: run `make gen` and commit the result", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
