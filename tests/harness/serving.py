"""A service's servicers in a real server of this process: mTLS, the real chain, tokens signed by a test key."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from deploy.local.pki import Pki
from services.chassis import access
from services.chassis.run import registration
from services.chassis.server import Health, build_server, refusals_to_start, services_of

ISSUER, AUDIENCE, KID = "https://campus", "campus", "test-key"
S = TypeVar("S")


class Signer:
    """Signs access tokens as identity does, with a key of its own."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    def key_set(self) -> bytes:
        x = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).decode().rstrip("=")
        return json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": KID, "alg": "EdDSA"}]}).encode()

    def token(self, user_id: str, roles: Sequence[str] = ("student",), **claims: Any) -> str:
        now = int(time.time())
        base = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "sid": f"session-of-{user_id}", "iat": now}
        payload = base | {"exp": now + 600, "roles": list(roles)} | claims
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm="EdDSA", headers={"kid": KID, "typ": "at+jwt"})


class _Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata

    def _with(self, details: Any) -> Any:
        return details._replace(metadata=(*(details.metadata or ()), *self._metadata))

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with(client_call_details), request)


class Served:
    """Makes stubs for callers of every kind."""

    def __init__(self, address: str, pki: Pki, signer: Signer, revocations: access.Revocations) -> None:
        self.address, self.pki, self.signer, self.revocations = address, pki, signer, revocations
        self._channels: list[grpc.Channel] = []

    def channel(self, peer: str, *metadata: tuple[str, str]) -> grpc.Channel:
        files = self.pki.of(peer)
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.cert.read_bytes()
        )
        channel = grpc.secure_channel(self.address, credentials)
        self._channels.append(channel)
        return grpc.intercept_channel(channel, _Bearer(metadata)) if metadata else channel

    def anonymous(self, stub: Callable[[grpc.Channel], S], *metadata: tuple[str, str]) -> S:
        return stub(self.channel("gateway", *metadata))

    def as_user(self, stub: Callable[[grpc.Channel], S], user_id: str, *roles: str) -> S:
        return self.with_token(stub, self.signer.token(user_id, roles or ("student",)))

    def with_token(self, stub: Callable[[grpc.Channel], S], token: str) -> S:
        return stub(self.channel("gateway", ("authorization", f"Bearer {token}")))

    def as_service(self, stub: Callable[[grpc.Channel], S], name: str) -> S:
        return stub(self.channel(name))

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


@contextmanager
def served(
    servicers: Sequence[object], commands: ModuleType, queries: ModuleType, pki: Pki, peer: str = "identity"
) -> Iterator[Served]:
    """Serves until the block ends, with the certificate of `peer`."""
    registrations = [registration(servicer) for servicer in servicers]
    names = [name for name, _ in registrations]
    methods = [method for service in services_of(names) for method in service.methods]
    assert refusals_to_start(methods, commands, queries) == []
    signer, revocations = Signer(), access.Revocations()
    tokens = access.Tokens(access.KeySet(signer.key_set), ISSUER, AUDIENCE, revocations)
    added = [(add, servicer) for (_, add), servicer in zip(registrations, servicers, strict=True)]
    health = Health({}, needed=[])
    server = build_server(added, names, tokens, health.servicer, threads=4, max_concurrent_rpcs=100)
    files = pki.of(peer)
    credentials = grpc.ssl_server_credentials(
        [(files.key.read_bytes(), files.cert.read_bytes())], files.ca.read_bytes(), require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    found = Served(f"127.0.0.1:{port}", pki, signer, revocations)
    try:
        yield found
    finally:
        found.close()
        server.stop(None).wait()


@contextmanager
def refused(code: grpc.StatusCode, reason: str, field: str = "") -> Iterator[None]:
    """Expects the call inside to be refused with this code and reason, at this field if one is named."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    call = caught.value
    assert isinstance(call, grpc.Call)
    status = rpc_status.from_call(call)
    assert status is not None, f"{call.code()} {call.details()}"
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert any(detail.Unpack(info) for detail in status.details)
    assert (call.code(), info.reason) == (code, reason), call.details()
    if field:
        assert any(detail.Unpack(bad) for detail in status.details)
        assert field in [violation.field for violation in bad.field_violations]
