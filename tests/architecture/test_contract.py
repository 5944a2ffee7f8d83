"""RPC, function, access rule, HTTP rule, comment and reasons belong together in every service."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from campus.identity.v1 import errors_pb2 as identity_errors
from campus.types.v1 import errors_pb2 as general
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateway.contract import Contract, ContractError, Service, load, parse
from gateway.generate import build_descriptors
from services.kernel.errors import CampusError
from tests.architecture.contract_rules import differing_reasons, refusals_of, unknown_reasons, unmet

ROOT = Path(__file__).parents[2]
DESCRIPTORS = ROOT / "gen" / "descriptors.binpb"
OWNERS = ("identity", "catalog", "learning", "billing", "certification", "messaging")


@pytest.fixture(scope="session")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """With comments, which the committed descriptors leave out."""
    image = tmp_path_factory.mktemp("contract") / "image.binpb"
    build_descriptors(ROOT, image, comments=True)
    return load(image)


def modules(owner: str) -> tuple[ModuleType, ModuleType]:
    return importlib.import_module(f"services.{owner}.commands"), importlib.import_module(f"services.{owner}.queries")


def test_every_service_of_the_design_has_a_contract(contract: Contract) -> None:
    assert set(contract.owners) == set(OWNERS)


@pytest.mark.parametrize("owner", OWNERS)
def test_every_rpc_has_its_function_on_its_side_and_a_comment(contract: Contract, owner: str) -> None:
    assert unmet(contract, owner, *modules(owner)) == []


@pytest.mark.parametrize("owner", OWNERS)
def test_every_refusal_is_in_the_contract_and_every_reason_in_the_code(contract: Contract, owner: str) -> None:
    reasons = importlib.import_module(f"campus.{owner}.v1.errors_pb2").Reason.keys()
    assert differing_reasons(refusals_of(f"services.{owner}"), reasons, f"{owner.capitalize()}Error") == []
    rpcs = [rpc for rpc in contract.rpcs if contract.owner_of(rpc) == owner]
    assert unknown_reasons(rpcs, reasons) == []


def test_the_refusals_of_kernel_and_chassis_are_the_general_reasons() -> None:
    coded = refusals_of("services.kernel") | refusals_of("services.chassis")
    gateway_only = {"RATE_LIMITED", "PATH_NOT_FOUND", "METHOD_NOT_ALLOWED", "BODY_TOO_LARGE", "DEADLINE_PASSED"}
    missing = differing_reasons(coded, general.Reason.keys(), CampusError.__name__)
    assert [each for each in missing if each.split()[0] not in gateway_only] == []


def test_a_planted_violation_is_found(contract: Contract) -> None:
    class NeverHeardOf(CampusError):
        pass

    commands, queries = modules("identity")
    bare_commands, bare_queries = ModuleType("commands"), ModuleType("queries")
    wrong_side = ModuleType("queries")
    vars(wrong_side).update(vars(queries), register=commands.register)
    silent = replace(contract, services=tuple(_without_comments(each) for each in contract.services))
    assert "/campus.identity.v1.AuthService/Login has no function commands.login" in unmet(
        contract, "identity", bare_commands, bare_queries
    )
    assert any("wrong side" in each for each in unmet(contract, "identity", commands, wrong_side))
    assert any("no comment" in each for each in unmet(silent, "identity", commands, queries))
    assert "NEVER_HEARD_OF is not in errors.proto" in differing_reasons(
        [NeverHeardOf], identity_errors.Reason.keys(), ""
    )
    promising = replace(contract.rpcs[0], comment="Does things.\nReasons: NEVER_HEARD_OF.")
    assert unknown_reasons([promising], identity_errors.Reason.keys()) == [f"{promising.path} promises NEVER_HEARD_OF"]


@pytest.mark.parametrize("option", ["access", "idempotency", "http"])
def test_an_rpc_that_says_too_little_is_found(option: str) -> None:
    descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    file = next(each for each in descriptors.file if each.name.endswith("auth_service.proto"))
    options = file.service[0].method[0].options
    extension = next(each for each, _ in options.ListFields() if each.is_extension and each.name == option)
    options.ClearExtension(extension)  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="Register"):
        parse(descriptors)


def _without_comments(service: Service) -> Service:
    return replace(service, rpcs=tuple(replace(rpc, comment="") for rpc in service.rpcs))
