"""The OpenAPI document: valid, complete, and honest about what is refused."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.contract import Contract
from gateway.openapi import Document, document
from tests.gateway.workspace import REPOSITORY

Node = dict[str, Any]


@pytest.fixture(scope="module")
def spec(contract: Contract) -> Node:
    parsed: Node = yaml.safe_load(document(contract))
    return parsed


def schema(spec: Node, name: str) -> Node:
    found: Node = spec["components"]["schemas"][name]
    return found


def accepts(spec: Node, name: str, value: Any) -> bool:
    whole = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
    return jsonschema_rs.is_valid(whole, value)


@pytest.mark.parametrize("own", [False, True])
def test_it_is_valid_openapi_3_1(spec: Node, own: bool) -> None:
    tree = yaml.safe_load((REPOSITORY / "docs" / "api-spec.yaml").read_text(encoding="utf-8")) if own else spec
    assert tree["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(tree).validate()


def test_every_binding_is_one_operation_with_a_name_of_its_own(spec: Node, contract: Contract) -> None:
    operations = [operation for path in spec["paths"].values() for operation in path.values()]
    bindings = [binding for rpc in contract.reachable for binding in rpc.bindings]
    assert len(operations) == len(bindings)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert spec["paths"]["/api/things/{thing_id}/look"]["get"]["operationId"] == "ProbeService_GetThing_2"


def test_internal_rpcs_and_their_messages_are_not_told(contract: Contract) -> None:
    assert "Secret" not in document(contract)
    assert "Internal" not in document(contract).replace("INTERNAL", "")


def test_paths_that_differ_in_a_variables_name_are_one(spec: Node) -> None:
    """`{thing.thing_id}` and `{thing_id}` stand at the same place."""
    both = spec["paths"]["/v1/things/{thing_id}"]
    assert set(both) == {"get", "patch"}
    assert both["patch"]["parameters"][0]["name"] == "thing_id"
    assert "/v1/things/{thing.thing_id}" not in spec["paths"]


def test_who_may_call_is_told_to_tools_and_to_people(spec: Node) -> None:
    paths = spec["paths"]
    assert paths["/v1/things/{thing_id}"]["get"]["security"] == [{}, {"bearer": []}]
    assert paths["/v1/things:mine"]["get"]["security"] == [{"bearer": []}]
    assert paths["/v1/webhooks/probe"]["post"]["security"] == []
    create = paths["/v1/things"]["post"]
    assert create["security"] == [{"bearer": []}]
    assert create["x-campus-access"]["anyOf"] == ["instructor", "admin"]
    assert "Signed-in users with the role instructor or admin may call this." in create["description"]


def test_comments_become_summary_description_and_reasons(spec: Node) -> None:
    get = spec["paths"]["/v1/things/{thing_id}"]["get"]
    assert get["summary"] == "Returns one thing, and with it what the service saw of the call"
    assert get["description"].startswith("It may be a draft.")
    assert get["x-campus-reasons"] == ["THING_NOT_FOUND", "THING_BROKEN"]
    assert "- `THING_NOT_FOUND`" in get["description"]
    assert "Reasons:" not in get["description"]


def test_parameters_come_from_path_and_query(spec: Node) -> None:
    parameters = {one["name"]: one for one in spec["paths"]["/v1/things/{thing_id}"]["get"]["parameters"]}
    assert list(parameters) == ["thing_id", "kind", "tags", "readMask"]
    assert (parameters["thing_id"]["in"], parameters["thing_id"]["required"]) == ("path", True)
    assert parameters["thing_id"]["schema"] == {"type": "string", "minLength": 1, "maxLength": 40}
    assert parameters["tags"]["schema"] == {"type": "array", "items": {"type": "string"}}
    size = spec["paths"]["/v1/things:mine"]["get"]["parameters"][0]
    assert (size["schema"]["minimum"], size["schema"]["maximum"]) == (0, 100)


def test_idempotency_key_is_offered_where_it_counts(spec: Node) -> None:
    create = spec["paths"]["/v1/things"]["post"]["parameters"]
    assert [(one["name"], one["in"]) for one in create] == [("Idempotency-Key", "header")]
    assert create[0]["schema"]["pattern"] == "^[A-Za-z0-9._:-]{1,64}$"
    assert "parameters" not in spec["paths"]["/v1/webhooks/probe"]["post"]


def test_what_is_sent_and_what_is_answered_are_two_schemas(spec: Node) -> None:
    sent, answered = schema(spec, "probe.ThingInput"), schema(spec, "probe.Thing")
    assert "createdAt" in answered["properties"]
    assert "createdAt" not in sent["properties"]
    assert "seen" not in sent["properties"]
    assert answered["properties"]["weightGrams"]["type"] == "string"
    assert sent["properties"]["weightGrams"]["type"] == "integer"
    assert "required" not in answered
    assert sent["required"] == ["thingId", "title"]


VALID: Node = {"thingId": "01890a5d-ac96-774b-bcce-b302099a8057", "title": "A thing"}


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({}, True),
        ({"title": ""}, False),
        ({"title": "x" * 21}, False),
        ({"title": None}, False),
        ({"kind": "KIND_LIGHT"}, True),
        ({"kind": "KIND_ODD"}, False),
        ({"weightGrams": 1000}, True),
        ({"weightGrams": 1001}, False),
        ({"weightGrams": -1}, False),
        ({"tags": ["a", "b", "c"]}, True),
        ({"tags": ["a", "b", "c", "d"]}, False),
        ({"tags": ["a", "a"]}, False),
        ({"tags": [""]}, False),
        ({"words": "x"}, True),
        ({"number": 1}, True),
        ({"number": 0}, False),
        ({"words": "x", "number": 1}, False),
        ({"lasts": "90s"}, True),
        ({"lasts": "90"}, False),
        ({"parts": [VALID]}, True),
        ({"parts": [{}]}, False),
        ({"unknown": 1}, True),
    ],
)
def test_validation_rules_are_json_schema(spec: Node, change: Node, accepted: bool) -> None:
    assert accepts(spec, "probe.ThingInput", VALID | change) is accepted


def test_required_fields_are_missed(spec: Node) -> None:
    assert not accepts(spec, "probe.ThingInput", {"title": "A thing"})
    assert not accepts(spec, "probe.CreateThingRequest", {})
    assert accepts(spec, "probe.CreateThingRequest", {"thing": VALID})
    assert accepts(spec, "probe.CreateThingRequest", {"thing": VALID, "requestId": ""})
    assert accepts(spec, "probe.CreateThingRequest", {"thing": VALID, "requestId": "k-1"})
    assert not accepts(spec, "probe.CreateThingRequest", {"thing": VALID, "requestId": "no blanks"})


def test_what_stands_in_the_path_is_not_asked_for_in_the_body(spec: Node) -> None:
    body = spec["paths"]["/v1/things/{thing_id}"]["patch"]["requestBody"]["content"]["application/json"]["schema"]
    assert "thingId" not in body["properties"]
    assert body["required"] == ["title"]
    poke = spec["paths"]["/v1/things/{thing_id}:poke"]["post"]["requestBody"]
    assert poke["content"]["application/json"]["schema"]["properties"] == {}
    assert not poke["required"]


def test_enums_say_what_their_values_mean(spec: Node) -> None:
    kind = schema(spec, "probe.Kind")
    assert kind["enum"] == ["KIND_UNSPECIFIED", "KIND_HEAVY", "KIND_LIGHT"]
    assert "- `KIND_HEAVY`: Heavy." in kind["description"]


def test_streams_raw_bodies_and_errors_have_their_media_types(spec: Node) -> None:
    paths = spec["paths"]
    assert set(paths["/v1/things:watch"]["get"]["responses"]["200"]["content"]) == {"text/event-stream"}
    assert set(paths["/v1/things/{thing_id}/download"]["get"]["responses"]["200"]["content"]) == {
        "application/octet-stream"
    }
    assert set(paths["/v1/webhooks/probe"]["post"]["requestBody"]["content"]) == {"*/*"}
    for path in paths.values():
        for operation in path.values():
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/Error"}


def test_error_schema_accepts_what_the_gateway_answers(spec: Node) -> None:
    detail = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "X", "domain": "campus", "metadata": {"a": "b"}
    }  # fmt: skip
    assert accepts(spec, "google.rpc.Status", {"code": 5, "message": "m", "details": [detail]})
    assert not accepts(spec, "google.rpc.Status", {"code": 5, "message": "m", "details": [{"reason": "X"}]})
    assert not accepts(spec, "google.rpc.Status", {"code": 0, "message": "m", "details": []})


def test_two_rpcs_at_one_path_are_refused(contract: Contract) -> None:
    twice = Document(contract)
    service = next(service for service in contract.services if service.short_name == "ProbeService")
    rpc = next(rpc for rpc in service.rpcs if rpc.name == "GetThing")
    twice.add(service, rpc, rpc.bindings[0], 0)
    with pytest.raises(ValueError, match="belongs to two RPCs"):
        twice.add(service, rpc, rpc.bindings[0], 1)


def test_raw_answers_are_typed_by_their_comment() -> None:
    text = (REPOSITORY / "docs" / "api-spec.yaml").read_text(encoding="utf-8")
    keys = yaml.safe_load(text)["paths"]["/.well-known/jwks.json"]["get"]["responses"]["200"]["content"]
    assert set(keys) == {"application/jwk-set+json"}


def test_written_document_is_text_without_references_of_yaml(contract: Contract, tmp_path: Path) -> None:
    text = document(contract)
    assert "&id" not in text
    assert text == document(contract)
