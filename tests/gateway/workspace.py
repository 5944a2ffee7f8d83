"""A small workspace of our own: the real options and third-party protos, and a service with one RPC of every kind."""

import shutil
from pathlib import Path

from gateway.generate import Workspace, build_descriptors

REPOSITORY = Path(__file__).parents[2]
PROBES = Path(__file__).parent / "proto"


def lay_out(root: Path) -> Workspace:
    shutil.copy(REPOSITORY / "buf.yaml", root / "buf.yaml")
    shutil.copytree(REPOSITORY / "third_party", root / "third_party")
    shutil.copytree(PROBES, root / "proto")
    for shared in ("options", "types"):
        shutil.copytree(REPOSITORY / "proto" / "campus" / shared, root / "proto" / "campus" / shared)
    return Workspace(root)


def described(root: Path) -> Path:
    """The workspace's descriptor set, comments included."""
    workspace = lay_out(root)
    target = root / "descriptors.binpb"
    build_descriptors(workspace.root, target, comments=True)
    return target
