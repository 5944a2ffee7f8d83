"""Reading the contract."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateway.contract import Access, Audience, Binding, Contract, ContractError, Idempotency, Rpc, parse
from gateway.generate import build_descriptors
from tests.gateway.workspace import REPOSITORY


def rpc(contract: Contract, name: str) -> Rpc:
    return next(rpc for rpc in contract.rpcs if rpc.name == name)


def test_rpcs_with_all_their_paths(contract: Contract) -> None:
    get = rpc(contract, "GetThing")
    assert get.path == "/campus.probe.v1.ProbeService/GetThing"
    assert get.bindings == (
        Binding("GET", "/v1/things/{thing_id}", ""),
        Binding("GET", "/api/things/{thing_id}/look", ""),
    )
    assert get.bindings[0].variables == ("thing_id",)
    assert rpc(contract, "UpdateThing").bindings == (Binding("PATCH", "/v1/things/{thing.thing_id}", "thing"),)


@pytest.mark.parametrize(
    ("name", "access", "sentence"),
    [
        ("GetThing", Access(Audience.PUBLIC), "Anyone may call this, signed in or not."),
        ("ListMyThings", Access(Audience.SIGNED_IN), "Any signed-in user may call this."),
        (
            "CreateThing",
            Access(Audience.ROLES, ("instructor", "admin")),
            "Signed-in users with the role instructor or admin may call this.",
        ),
        (
            "UpdateThing",
            Access(Audience.OWNER, ("admin",), "thing.thing_id"),
            "The signed-in user whom `thing.thing_id` belongs to may call this, or a user with the role admin.",
        ),
        (
            "GetSecret",
            Access(Audience.SERVICES, ("identity",)),
            "Only these services of the mesh may call this: identity.",
        ),
    ],
)
def test_access_rules_and_their_words(contract: Contract, name: str, access: Access, sentence: str) -> None:
    assert rpc(contract, name).access == access
    assert access.sentence() == sentence


def test_idempotency_and_streams(contract: Contract) -> None:
    assert rpc(contract, "CreateThing").idempotency is Idempotency.REQUEST_ID
    assert rpc(contract, "PokeThing").idempotency is Idempotency.NONE
    assert rpc(contract, "WatchThings").server_streaming
    assert not rpc(contract, "GetSecret").reachable


def test_comments_and_reasons(contract: Contract) -> None:
    get = rpc(contract, "GetThing")
    assert get.reasons == ("THING_NOT_FOUND", "THING_BROKEN")
    assert get.without_reasons == (
        "Returns one thing, and with it what the service saw of the call.\nIt may be a draft."
    )
    assert contract.comments["campus.probe.v1.Kind.KIND_HEAVY"] == "Heavy."
    assert contract.comments["campus.probe.v1.Thing.thing_id"] == "Id of the thing."
    assert contract.owners == ("identity", "probe")


def test_reasons_may_run_over_several_lines() -> None:
    wordy = Rpc("s", "n", "i", "o", False, False, Access(Audience.PUBLIC), Idempotency.NONE, (),
                "Does it.\nReasons: FIRST_ONE (metadata `x`),\nSECOND_ONE.\n\nMore.")  # fmt: skip
    assert wordy.reasons == ("FIRST_ONE", "SECOND_ONE")


def change(descriptors: FileDescriptorSet, method_name: str) -> FileDescriptorSet:
    changed = FileDescriptorSet()
    changed.CopyFrom(descriptors)
    for file in changed.file:
        for service in file.service:
            for method in service.method:
                if method.name == method_name:
                    method.ClearField("options")
    return changed


def test_every_rpc_that_says_too_little_is_named(descriptors_set: FileDescriptorSet) -> None:
    with pytest.raises(ContractError) as told:
        parse(change(change(descriptors_set, "GetThing"), "GetSecret"))
    assert "campus.probe.v1.ProbeService.GetThing: says not who may call it" in str(told.value)
    assert "campus.probe.v1.ProbeInternalService.GetSecret: says not who may call it" in str(told.value)


def test_the_repositorys_contract_reads(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("own") / "described.binpb"
    build_descriptors(REPOSITORY, target, comments=True)
    contract = parse(FileDescriptorSet.FromString(target.read_bytes()))
    assert {"identity"} <= set(contract.owners)
    assert all(rpc.comment for rpc in contract.rpcs)
