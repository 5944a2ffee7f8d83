"""Calls through the gateway in each of its protocols, with what a test wants to know of the answer."""

import base64
import struct
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.gateway.conftest import Mesh

PROBE_SERVICE = "/campus.probe.v1.ProbeService"
SECRET = "/campus.probe.v1.ProbeInternalService/GetSecret"


@dataclass(frozen=True)
class Answer:
    """A refusal in the terms that all protocols share."""

    code: grpc.StatusCode
    message: str
    reasons: tuple[str, ...]


def native(mesh: Mesh, path: str, request: Any, answer: str, **options: Any) -> Any:
    """Call over gRPC: the message, or the refusal as an Answer."""
    metadata = tuple(options.pop("metadata", {}).items())
    with grpc.insecure_channel(mesh.edge.target) as channel:
        call: Any = channel.unary_unary(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=mesh.messages[answer].FromString,
        )
        try:
            return call(request, metadata=metadata, timeout=options.pop("timeout", 10), **options)
        except grpc.RpcError as error:
            return refusal(error)


def refusal(error: Any) -> Answer:
    status = rpc_status.from_call(error)
    return Answer(error.code(), error.details() or "", reasons(status) if status else ())


def reasons(status: status_pb2.Status) -> tuple[str, ...]:
    found = []
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            found.append(info.reason)
    return tuple(found)


def web(mesh: Mesh, path: str, message: bytes, headers: dict[str, str], *, text: bool = False) -> httpx.Response:
    """Call over gRPC-Web: one frame, in Base64 for its text form."""
    frame = struct.pack(">BI", 0, len(message)) + message
    kind = "application/grpc-web-text" if text else "application/grpc-web+proto"
    content = base64.b64encode(frame) if text else frame
    return httpx.post(
        f"{mesh.edge.url}{path}",
        content=content,
        headers={"content-type": kind, "accept": kind, "x-grpc-web": "1", **headers},
    )


def assert_refused(response: httpx.Response, status: int, code: int, reason: str) -> dict[str, Any]:
    """Every refusal is a google.rpc.Status in JSON whose ErrorInfo says why."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body: dict[str, Any] = response.json()
    assert set(body) == {"code", "message", "details"}
    assert body["code"] == code
    assert body["message"]
    info: dict[str, Any] = next(
        detail for detail in body["details"] if detail["@type"].endswith("google.rpc.ErrorInfo")
    )
    assert info["reason"] == reason
    assert info["domain"].startswith("campus")
    return info
