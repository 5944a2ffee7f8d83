"""The rendered configuration: closed by construction, and accepted by Envoy."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import Contract, ContractError, load
from gateway.envoy import GatewaySettings, render
from tests.gateway.edge import Edge
from tests.gateway.workspace import REPOSITORY


@pytest.fixture(scope="module")
def config(settings: GatewaySettings) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(render(settings))
    return parsed


@pytest.fixture(scope="module")
def manager(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def routes(manager: dict[str, Any]) -> list[dict[str, Any]]:
    (host,) = manager["route_config"]["virtual_hosts"]
    found: list[dict[str, Any]] = host["routes"]
    return found


def test_envoy_accepts_it(settings: GatewaySettings, tmp_path: Path) -> None:
    done = Edge(settings, tmp_path).validate()
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stdout


def test_envoy_accepts_that_of_the_whole_mesh(settings: GatewaySettings, tmp_path: Path) -> None:
    contract = REPOSITORY / "gen" / "descriptors.binpb"
    endpoints = {name: [("127.0.0.1", 7000), ("127.0.0.1", 7001)] for name in load(contract).owners}
    whole = replace(
        settings, descriptors=contract, endpoints=endpoints, api_spec=REPOSITORY / "docs" / "api-spec.yaml",
        otlp_endpoint=("127.0.0.1", 4318), cors_origins=(), tls_certificate=None,
    )  # fmt: skip
    done = Edge(whole, tmp_path).validate()
    assert done.returncode == 0, done.stderr


def test_every_reachable_rpc_has_an_exact_route_and_no_other_has(manager: dict[str, Any], contract: Contract) -> None:
    exact = {
        route["match"]["path"] for route in routes(manager) if route["match"].get("path", "").startswith("/campus.")
    }
    assert exact == {rpc.path for rpc in contract.rpcs if rpc.reachable}
    assert not [route for route in routes(manager) if "Internal" in json.dumps(route)]


def test_nothing_lies_behind_all_other_paths(manager: dict[str, Any], config: dict[str, Any]) -> None:
    *_, grpc_rest, rest = routes(manager)
    assert grpc_rest["direct_response"] == {"status": 404}
    assert rest == {"match": {"prefix": "/"}, "route": {"cluster": "nowhere"}}
    nowhere = next(cluster for cluster in config["static_resources"]["clusters"] if cluster["name"] == "nowhere")
    assert nowhere["load_assignment"]["endpoints"] == [{"lb_endpoints": []}]
    assert {name for route in routes(manager) for name in route["match"]} <= {"path", "prefix", "headers"}
    assert len([route for route in routes(manager) if "prefix" in route["match"]]) == 2


def test_token_rule_is_closed_and_sits_behind_the_transcoder(manager: dict[str, Any]) -> None:
    names = [one["name"].removeprefix("envoy.filters.http.") for one in manager["http_filters"]]
    assert names.index("cors") == 0
    assert names.index("grpc_json_transcoder") < names.index("jwt_authn") < names.index("local_ratelimit")
    assert names[-1] == "router"
    tokens = next(one for one in manager["http_filters"] if one["name"].endswith("jwt_authn"))["typed_config"]
    assert tokens["rules"] == [{"match": {"prefix": "/"}, "requirement_name": "signed_in"}]
    (provider,) = tokens["providers"].values()
    assert provider["require_expiration"]
    assert "from_params" not in provider


def test_requirements_follow_the_access_rules(manager: dict[str, Any], contract: Contract) -> None:
    found = {}
    for route in routes(manager):
        if "path" in route["match"]:
            found[route["match"]["path"]] = route.get("typed_per_filter_config", {}).get(
                "envoy.filters.http.jwt_authn", {}
            )
    wanted = {"GetThing": "optional", "PokeThing": "optional", "GetKeySet": "optional", "DownloadThing": "optional"}
    for rpc in contract.reachable:
        assert found[rpc.path].get("requirement_name") == wanted.get(rpc.name), rpc.name
        assert found[rpc.path].get("disabled", False) == (rpc.name == "ReceiveHook")


def test_retries_follow_idempotency(manager: dict[str, Any]) -> None:
    policies = {
        (route["match"]["path"].rpartition("/")[2], "headers" in route["match"]): route["route"]["retry_policy"][
            "retry_on"
        ]
        for route in routes(manager)
        if "retry_policy" in route.get("route", {})
    }
    safe = "connect-failure,refused-stream,reset-before-request"
    begun = f"{safe},reset,unavailable,cancelled"
    assert policies[("GetThing", False)] == begun
    assert policies[("UpdateThing", False)] == begun
    assert policies[("CreateThing", True)] == begun, "made safe by an idempotency key"
    assert policies[("CreateThing", False)] == safe
    assert policies[("PokeThing", False)] == safe
    assert policies[("WatchThings", False)] == safe


def test_streams_have_no_deadline_but_must_not_go_quiet(manager: dict[str, Any]) -> None:
    by_name = {route["match"].get("path", "").rpartition("/")[2]: route.get("route", {}) for route in routes(manager)}
    assert by_name["WatchThings"]["timeout"] == "0s"
    assert by_name["WatchThings"]["idle_timeout"] == "300s"
    assert by_name["GetThing"]["max_stream_duration"] == {
        "max_stream_duration": "15s",
        "grpc_timeout_header_max": "30s",
    }


def test_services_are_known_by_their_certificates_over_tls_1_3(config: dict[str, Any]) -> None:
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    for name in ("identity", "probe"):
        context = clusters[name]["transport_socket"]["typed_config"]["common_tls_context"]
        (expected,) = context["validation_context"]["match_typed_subject_alt_names"]
        assert expected == {"san_type": "URI", "matcher": {"exact": f"spiffe://campus/{name}"}}
        assert set(context["tls_params"].values()) == {"TLSv1_3"}
        assert clusters[name]["health_checks"][0]["grpc_health_check"] == {}
        assert "connection_keepalive" not in json.dumps(clusters[name])


def test_rendering_is_the_same_every_time(settings: GatewaySettings) -> None:
    assert render(settings) == render(settings)


def test_a_service_without_endpoint_is_named(settings: GatewaySettings) -> None:
    with pytest.raises(ContractError, match="probe"):
        render(replace(settings, endpoints={"identity": settings.endpoints["identity"]}))


def test_host_names_are_resolved_by_dns(settings: GatewaySettings) -> None:
    named = json.loads(render(replace(settings, endpoints={"identity": [("identity", 1)], "probe": [("probe", 1)]})))
    kinds = {cluster["name"]: cluster["type"] for cluster in named["static_resources"]["clusters"]}
    assert (kinds["identity"], kinds["self"]) == ("STRICT_DNS", "STATIC")


def test_no_line_per_rpc_is_written_by_hand() -> None:
    """The gateway's own sources name no RPC but the one that publishes the keys."""
    known = load(REPOSITORY / "gen" / "descriptors.binpb")
    names = {f"{service.short_name}/{rpc.name}" for service in known.services for rpc in service.rpcs}
    names |= {rpc.name for rpc in known.rpcs} | {binding.template for rpc in known.rpcs for binding in rpc.bindings}
    names -= {"GetKeySet"}
    for source in (REPOSITORY / "gateway").glob("*.py"):
        text = source.read_text(encoding="utf-8")
        assert not [name for name in names if f'"{name}"' in text], source.name
