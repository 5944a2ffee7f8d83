"""The access log: what operators need, and nothing of what callers said."""

from typing import Any

import httpx

from tests.gateway.conftest import Mesh
from tests.gateway.edge import wait_until


def test_each_request_is_one_line_that_finds_its_caller_and_trace(client: httpx.Client, mesh: Mesh) -> None:
    headers = mesh.signer.bearer("u-log") | {
        "x-request-id": "logged-1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "user-agent": "secret-agent",
    }
    client.get("/v1/things/hidden-id?tags=hidden-word", headers=headers)
    wait_until(lambda: bool(entries(mesh, "logged-1")), seconds=5, what="the line is written")
    (entry,) = entries(mesh, "logged-1")
    assert entry["rpc"] == "/campus.probe.v1.ProbeService/GetThing"
    assert entry["method"] == "GET"
    assert (entry["status"], entry["grpc_status"], entry["service"]) == (200, "OK", "probe")
    assert (entry["user"], entry["trace_id"]) == ("u-log", "0af7651916cd43dd8448eb211c80319c")
    assert isinstance(entry["duration_ms"], int)
    line = str(entry)
    assert "hidden" not in line
    assert "secret-agent" not in line
    assert "127.0.0.1" not in line
    assert headers["authorization"] not in line


def test_refusals_are_logged_with_their_cause(client: httpx.Client, mesh: Mesh) -> None:
    client.get("/v1/things:mine", headers={"x-request-id": "logged-2"})
    wait_until(lambda: bool(entries(mesh, "logged-2")), seconds=5, what="the line is written")
    (entry,) = entries(mesh, "logged-2")
    assert entry["status"] == 401
    assert "Jwt_is_missing" in entry["details"]


def entries(mesh: Mesh, request_id: str) -> list[dict[str, Any]]:
    return [entry for entry in mesh.edge.log() if entry["request_id"] == request_id]
