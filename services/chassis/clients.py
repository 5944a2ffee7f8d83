"""Calls to a neighbour: our certificate, the caller's remaining time, few retries, one trace."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import grpc
from campus.options.v1 import options_pb2

from services.chassis import telemetry
from services.chassis.errors import DeadlineTooShort, refusal_of
from services.chassis.interceptors import time_left
from services.chassis.server import contract

RESERVE_SECONDS = 0.02
CAP_SECONDS = 5.0

R = TypeVar("R")


@lru_cache(maxsize=1)
def _retry_policy() -> str:
    """Retries what the contract calls repeatable, and only where the server did nothing; the throttle stops a storm
    (gRFC A6)."""
    names = [
        {"service": f"{file.package}.{service.name}", "method": method.name}
        for file in contract().file
        for service in file.service
        for method in service.method
        if method.options.Extensions[options_pb2.idempotency]
        not in (options_pb2.IDEMPOTENCY_UNSPECIFIED, options_pb2.IDEMPOTENCY_NONE)
    ]
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.05s",
        "maxBackoff": "1s",
        "backoffMultiplier": 3,
        # A server that is stopping cancels calls it has not begun.
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
    }
    throttle = {"maxTokens": 10, "tokenRatio": 0.1}
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": policy}], "retryThrottling": throttle})


class Neighbour:
    """A channel to one service of the mesh. Generated stubs take `channel`; `call` makes the call."""

    def __init__(self, name: str, address: str, *, cert: str, key: str, ca: str) -> None:
        credentials = grpc.ssl_channel_credentials(
            Path(ca).read_bytes(), Path(key).read_bytes(), Path(cert).read_bytes()
        )
        self.channel = grpc.secure_channel(
            address,
            credentials,
            options=[
                ("grpc.ssl_target_name_override", name),  # the peer must be who we mean, not just someone of ours
                ("grpc.service_config", _retry_policy()),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 2000),
            ],
        )

    def call(self, rpc: Callable[..., R], request: Any, cap_seconds: float = CAP_SECONDS) -> R:
        """The neighbour's answer within what is left of the caller's time; its refusal is raised as our typed error."""
        seconds = min(time_left(CAP_SECONDS) - RESERVE_SECONDS, cap_seconds)
        if seconds <= 0:
            raise DeadlineTooShort
        trace = telemetry.current_trace()
        metadata = (("traceparent", trace.child()), ("x-request-id", trace.correlation_id))
        try:
            return rpc(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise refusal_of(error) from None

    def close(self) -> None:
        self.channel.close()
