"""Who may call what: every RPC by every kind of caller, held against a table that doesn't come from the contract."""

import time
from typing import Any

import grpc
import pytest
from campus.identity.v1 import (
    admin_user_service_pb2,
    api_key_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    credential_service_pb2,
    erasure_service_pb2,
    identity_internal_service_pb2,
    instructor_application_service_pb2,
    key_service_pb2,
    oauth_service_pb2,
    preference_service_pb2,
    profile_service_pb2,
    second_factor_service_pb2,
    session_service_pb2,
)
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from services.chassis import access
from services.chassis.server import services_in
from services.kernel.errors import CampusError
from services.kernel.ids import new_id
from tests.harness.serving import AUDIENCE, ISSUER, Served, Signer

PUBLIC, SIGNED_IN, ADMIN, NEIGHBOURS = "public", "signed in", "admin", "neighbours"
EXPECTED = {
    PUBLIC: {
        "ApiKeyService": ["ExchangeApiKey"],
        "AuthService": ["Register", "Login", "RefreshSession"],
        "CredentialService": ["RequestPasswordReset", "ResetPassword", "ConfirmEmail"],
        "KeyService": ["GetKeySet"],
        "OAuthService": ["StartOAuth", "FinishOAuth"],
    },
    SIGNED_IN: {
        "ApiKeyService": ["CreateApiKey", "ListApiKeys", "RevokeApiKey"],
        "AuthService": ["Logout"],
        "CredentialService": ["ChangePassword", "RequestEmailVerification"],
        "ErasureService": ["DeleteProfile"],
        "InstructorApplicationService": [
            "SubmitInstructorApplication",
            "AddApplicationEvidence",
            "GetInstructorApplication",
            "GetMyInstructorApplication",
        ],
        "OAuthService": ["StartLinking", "ListLinkedAccounts", "UnlinkAccount"],
        "PreferenceService": ["GetPreferences", "UpdatePreferences"],
        "ProfileService": ["GetProfile", "UpdateProfile"],
        "SecondFactorService": ["GetSecondFactor", "StartTotp", "ConfirmTotp", "RemoveTotp"],
        "SessionService": ["ListSessions", "RevokeSession", "RevokeOtherSessions"],
    },
    ADMIN: {
        "AdminUserService": ["ListUsers", "GetUser", "BlockUser", "UnblockUser", "AssignRoles"],
        "AuditService": ["SearchAuditLog"],
        "ErasureService": ["GetErasure"],
        "InstructorApplicationService": [
            "ListInstructorApplications",
            "ApproveInstructorApplication",
            "RejectInstructorApplication",
        ],
    },
    NEIGHBOURS: {"IdentityInternalService": ["BatchGetUsers", "ConfirmErasure"]},
}
KINDS = {
    f"{service}.{rpc}": kind
    for kind, services in EXPECTED.items()
    for service, rpcs in services.items()
    for rpc in rpcs
}
FILES = (
    admin_user_service_pb2,
    api_key_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    credential_service_pb2,
    erasure_service_pb2,
    identity_internal_service_pb2,
    instructor_application_service_pb2,
    key_service_pb2,
    oauth_service_pb2,
    preference_service_pb2,
    profile_service_pb2,
    second_factor_service_pb2,
    session_service_pb2,
)
METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}.{method.name}": method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
NEIGHBOUR_NAMES = ("catalog", "learning", "billing", "certification", "messaging")
# A caller is a certificate and the roles of a token; None: no token.
CALLERS: dict[str, tuple[str, str | None]] = {
    "anonymous": ("gateway", None),
    "malformed token": ("gateway", "malformed"),
    "expired token": ("gateway", "expired"),
    "student": ("gateway", "student"),
    "instructor": ("gateway", "instructor"),
    "admin": ("gateway", "admin"),
    **{f"service {name}": (name, None) for name in (*NEIGHBOUR_NAMES, "identity")},
    "admin's token and no service": ("gateway", "admin"),
}
REFUSALS = {"TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "ACCESS_DENIED"}


def expected(kind: str, peer: str, token: str | None) -> str:
    """The refusal that such a caller gets, or nothing."""
    if kind == NEIGHBOURS:
        return "" if peer in NEIGHBOUR_NAMES else "ACCESS_DENIED"
    if token is None:
        return "" if kind == PUBLIC else "TOKEN_MISSING"
    if token in ("malformed", "expired"):
        return "TOKEN_INVALID" if token == "malformed" else "TOKEN_EXPIRED"
    return "ACCESS_DENIED" if kind == ADMIN and token != "admin" else ""


def bearer(signer: Signer, token: str) -> str:
    if token == "malformed":
        return "Bearer malformed"
    past = int(time.time()) - 3600
    times = {"iat": past, "exp": past + 600} if token == "expired" else {}
    return f"Bearer {signer.token(new_id(), [token], sid=new_id(), **times)}"


def test_the_table_names_every_rpc_of_the_contract() -> None:
    assert set(KINDS) == set(METHODS)
    assert {method.containing_service.full_name for method in METHODS.values()} == set(
        services_in("campus.identity.v1")
    )


def test_every_rpc_answers_every_kind_of_caller_as_the_table_says(identity: Served) -> None:
    channels = {peer: identity.channel(peer) for peer in ("gateway", "identity", *NEIGHBOUR_NAMES)}
    wrong, cells = [], 0
    for name, method in METHODS.items():
        path = f"/{method.containing_service.full_name}/{method.name}"
        for caller, (peer, token) in CALLERS.items():
            metadata = (("authorization", bearer(identity.signer, token)),) if token else ()
            call: Any = channels[peer].unary_unary(path)
            answer = reason(call, metadata)
            met = answer if answer in REFUSALS else ""
            cells += 1
            if met != expected(KINDS[name], peer, token):
                wrong.append(f"{name} by {caller}: {answer}")
            assert answer != "INTERNAL_FAULT", f"{name} by {caller}"
    assert wrong == []
    assert cells == len(METHODS) * len(CALLERS)


def reason(call: Any, metadata: tuple[tuple[str, str], ...]) -> str:
    """Why an empty request was refused; validation comes after access, so that it tells who was let in."""
    try:
        call(b"", metadata=metadata, timeout=10)
    except grpc.RpcError as error:
        return reason_in(error)
    return ""


def reason_in(error: grpc.RpcError) -> str:
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status is not None, f"{error.code()} {error.details()}"
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason


class Call:
    """What a rule sees of a call: the certificate."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"peer_spiffe_id": [f"spiffe://campus/{self._peer}".encode()]}


@pytest.fixture
def verified() -> tuple[Signer, access.Tokens]:
    signer = Signer()
    return signer, access.Tokens(access.KeySet(signer.key_set), ISSUER, AUDIENCE, access.Revocations())


def cells_that_differ(kind: str, rule: access.Rule, signer: Signer, tokens: access.Tokens) -> list[str]:
    found = []
    for caller, (peer, token) in CALLERS.items():
        context: Any = Call(peer)
        try:
            rule.admit(context, bearer(signer, token) if token else None, tokens)
            met = ""
        except CampusError as refusal:
            met = refusal.reason
        if met != expected(kind, peer, token):
            found.append(caller)
    return found


WEAKER = {
    "everyone": access.Rule(public=True),
    "whoever is signed in": access.Rule(),
    "instructors as well": access.Rule(roles=frozenset({"instructor", "admin"})),
    "identity as well": access.Rule(services=frozenset({*NEIGHBOUR_NAMES, "identity"})),
}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_rule_that_is_dropped_or_weakened_is_noticed(name: str, verified: tuple[Signer, access.Tokens]) -> None:
    rule = access.rule_of(METHODS[name])
    assert cells_that_differ(KINDS[name], rule, *verified) == []
    for mutant, other in WEAKER.items():
        if other != rule:
            assert cells_that_differ(KINDS[name], other, *verified), f"{name} for {mutant}"
    for service in rule.services:
        fewer = access.Rule(services=rule.services - {service})
        assert cells_that_differ(KINDS[name], fewer, *verified), f"{name} without {service}"


def test_an_rpc_without_a_rule_is_not_served() -> None:
    stranger: Any = health_pb2.DESCRIPTOR.services_by_name["Health"].methods_by_name["Check"]
    with pytest.raises(ValueError, match="no valid access rule"):
        access.rule_of(stranger)
