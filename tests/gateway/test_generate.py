"""Generation: complete, the same every time, and able to say what is out of date."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateway.generate import Workspace, differences, main
from tests.gateway.workspace import REPOSITORY, lay_out


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated")
    lay_out(root)
    assert main(["--root", str(root)]) == 0
    return root


@pytest.fixture
def workspace(generated: Path, tmp_path: Path) -> Workspace:
    """A generated workspace that the test may spoil."""
    shutil.copytree(generated, tmp_path, dirs_exist_ok=True)
    return Workspace(tmp_path)


def test_everything_is_made(workspace: Workspace) -> None:
    made = {str(file.relative_to(workspace.gen)) for file in workspace.gen.rglob("*") if file.is_file()}
    assert {
        "descriptors.binpb",
        "campus/__init__.py",
        "campus/probe/v1/__init__.py",
        "campus/probe/v1/probe_service_pb2.py",
        "campus/probe/v1/probe_service_pb2.pyi",
        "campus/probe/v1/probe_service_pb2_grpc.py",
        "campus/probe/v1/probe_service_pb2_grpc.pyi",
        "buf/validate/validate_pb2.py",
    } <= made
    assert not [name for name in made if name.startswith("google")]
    assert "campus/types/v1/errors_pb2_grpc.py" not in made, "no stubs for files without services"
    assert workspace.spec.read_text(encoding="utf-8").startswith("# Generated")


def test_stubs_are_synchronous(workspace: Workspace) -> None:
    stubs = (workspace.gen / "campus/probe/v1/probe_service_pb2_grpc.pyi").read_text(encoding="utf-8")
    assert "context: _grpc.ServicerContext" in stubs
    assert "aio" not in stubs
    assert "Awaitable" not in stubs


def test_stubs_import(workspace: Workspace) -> None:
    program = "from campus.probe.v1 import probe_service_pb2_grpc as p; print(p.ProbeServiceStub.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(workspace.gen)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "ProbeServiceStub"


def test_descriptors_hold_error_details_and_no_comments(workspace: Workspace) -> None:
    files = FileDescriptorSet.FromString((workspace.gen / "descriptors.binpb").read_bytes()).file
    assert "google/rpc/error_details.proto" in [file.name for file in files]
    assert not [file.name for file in files if file.HasField("source_code_info")]


def test_generating_again_changes_nothing(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["--root", str(workspace.root)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["--check", "--root", str(workspace.root)]) == 0


def test_check_names_every_file_out_of_date_and_touches_none(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = workspace.gen / "campus/probe/v1/probe_service_pb2.py"
    edited.write_text("# by hand\n", encoding="utf-8")
    (workspace.gen / "campus/probe/v1/probe_service_pb2.pyi").unlink()
    stale = workspace.gen / "campus/gone/v1"
    stale.mkdir(parents=True)
    (stale / "gone_pb2.py").touch()
    workspace.spec.write_text("openapi: 3.1.0\n", encoding="utf-8")
    capsys.readouterr()

    assert main(["--check", "--root", str(workspace.root)]) == 1

    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "differs  docs/api-spec.yaml",
        "stale    gen/campus/gone/v1/gone_pb2.py",
        "differs  gen/campus/probe/v1/probe_service_pb2.py",
        "missing  gen/campus/probe/v1/probe_service_pb2.pyi",
    ]
    assert "4 generated file(s) out of date" in told.err
    assert edited.read_text(encoding="utf-8") == "# by hand\n"

    assert main(["--root", str(workspace.root)]) == 0
    assert main(["--check", "--root", str(workspace.root)]) == 0
    assert not stale.parent.exists(), "what has no source any more is removed"


def test_a_broken_contract_is_told_in_bufs_words(workspace: Workspace) -> None:
    proto = workspace.root / "proto/campus/probe/v1/probe_service.proto"
    proto.write_text(proto.read_text(encoding="utf-8").replace("string thing_id = 1", "strin thing_id = 1"))
    with pytest.raises(SystemExit, match=r"probe_service\.proto:\d+"):
        main(["--root", str(workspace.root)])


def test_an_rpc_without_access_rule_stops_generation(workspace: Workspace) -> None:
    proto = workspace.root / "proto/campus/probe/v1/probe_service.proto"
    rule = "    option (campus.options.v1.access) = {signed_in: true};\n"
    text = proto.read_text(encoding="utf-8")
    assert rule in text
    proto.write_text(text.replace(rule, ""))
    with pytest.raises(SystemExit, match="ListMyThings: says not who may call it"):
        main(["--root", str(workspace.root)])


def test_the_repositorys_own_products_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--root", str(REPOSITORY)]) == 0, capsys.readouterr().out


def test_differences_of_equal_trees_are_none(workspace: Workspace) -> None:
    assert list(differences(workspace, workspace)) == []
