"""Who calls, and whether this kind of caller may ever: tokens, certificates and the rules of the contract."""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

import grpc
import jwt
from campus.options.v1 import options_pb2
from google.protobuf.descriptor import MethodDescriptor

from services.chassis.errors import AccessDenied, SessionRevoked, TokenExpired, TokenInvalid, TokenMissing
from services.kernel.errors import CampusError, DependencyUnavailable

TRUST_DOMAIN = "spiffe://campus/"
LEEWAY_SECONDS = 5
REFETCH_SECONDS = 10.0
REFRESH_SECONDS = 300.0
_MAX_VERIFIED = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller: a signed-in user, a service of the mesh, or nobody we know."""

    user_id: str = ""
    roles: frozenset[str] = frozenset()
    session_id: str = ""
    service: str = ""
    # Until when the token speaks for the user, in Unix seconds: a stream must not outlive it.
    expires: float = field(default=0.0, compare=False)

    @property
    def name(self) -> str:
        return f"user:{self.user_id}" if self.user_id else f"service:{self.service}" if self.service else "anonymous"


ANONYMOUS = Principal()
_principal: ContextVar[Principal] = ContextVar("principal", default=ANONYMOUS)


def principal() -> Principal:
    """Who makes the call that this thread is answering."""
    return _principal.get()


class Revocations:
    """Sessions that ended while their access tokens may still be alive."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, session_id: str, until: datetime) -> None:
        now = time.time()
        for gone in [key for key, end in self._until.copy().items() if end < now]:
            self._until.pop(gone, None)
        self._until[session_id] = until.timestamp() + LEEWAY_SECONDS

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._until


class KeySet:
    """Identity's public keys: fetched on an unknown key id, at most every ten seconds; kept when it can't answer."""

    def __init__(self, fetch: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._tried = float("-inf")
        self._lock = threading.Lock()

    def key(self, kid: str) -> jwt.PyJWK:
        now = self._clock()
        if (kid not in self._keys and now - self._tried > REFETCH_SECONDS) or now - self._fetched > REFRESH_SECONDS:
            self._refetch(now)
        if kid in self._keys:
            return self._keys[kid]
        if not self._keys:
            raise DependencyUnavailable("the signing keys could not be fetched")
        raise TokenInvalid

    def _refetch(self, now: float) -> None:
        with self._lock:
            if now <= self._tried and self._keys:
                return
            self._tried = now if self._keys else float("-inf")
            try:
                found = jwt.PyJWKSet.from_json(self._fetch().decode())
            except (CampusError, grpc.RpcError, jwt.PyJWTError, ValueError):
                return  # stale keys are better than none; without any, key() says so
            self._keys = {key.key_id: key for key in found.keys if key.key_id}
            self._fetched = self._tried = now


class Tokens:
    """Turns bearer tokens into principals. A token is verified once and remembered until it expires."""

    def __init__(self, keys: KeySet, issuer: str, audience: str, revocations: Revocations) -> None:
        self._keys, self._issuer, self._audience, self._revocations = keys, issuer, audience, revocations
        self._verified: dict[str, tuple[Principal, float]] = {}

    def principal(self, authorization: str) -> Principal:
        known = self._verified.get(authorization)
        if known is None:
            known = self._verify(authorization)
            while len(self._verified) >= _MAX_VERIFIED:
                self._verified.pop(next(iter(self._verified)), None)
            self._verified[authorization] = known
        who, expires = known
        if expires + LEEWAY_SECONDS < time.time():
            self._verified.pop(authorization, None)
            raise TokenExpired
        if who.session_id in self._revocations:
            raise SessionRevoked
        return who

    def _verify(self, authorization: str) -> tuple[Principal, float]:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenInvalid
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != "at+jwt" or not isinstance(header.get("kid"), str):
                raise TokenInvalid
            claims = jwt.decode(
                token,
                self._keys.key(header["kid"]),
                algorithms=["EdDSA"],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "sid"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError):
            raise TokenInvalid from None
        roles = claims.get("roles")
        if not isinstance(roles, list) or not all(isinstance(part, str) for part in (*roles, claims["sid"])):
            raise TokenInvalid
        expires = float(claims["exp"])
        return Principal(claims["sub"], frozenset(roles), claims["sid"], expires=expires), expires


def peer_service(context: grpc.ServicerContext) -> str:
    """The service named by the caller's certificate, which the TLS handshake has verified; empty if it names none."""
    for value in context.auth_context().get("peer_spiffe_id", ()):
        uri = bytes(value).decode()
        if uri.startswith(TRUST_DOMAIN):
            return uri[len(TRUST_DOMAIN) :]
    return ""


@dataclass(frozen=True, slots=True)
class Rule:
    """The access rule of one RPC, as its method option says it."""

    public: bool = False
    services: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    def admit(self, context: grpc.ServicerContext, authorization: str | None, tokens: Tokens) -> Principal:
        """The caller, or the refusal that this kind of caller gets here."""
        if self.services:
            name = peer_service(context)
            if name not in self.services:
                raise AccessDenied
            return Principal(service=name)
        if authorization is None:
            if self.public:
                return ANONYMOUS
            raise TokenMissing
        who = tokens.principal(authorization)
        if self.roles and not self.roles & who.roles:
            raise AccessDenied
        return who


def rule_of(method: MethodDescriptor) -> Rule:
    """The rule that the contract gives this RPC. An RPC without one must not be served: ValueError."""
    access = method.GetOptions().Extensions[options_pb2.access]
    match access.WhichOneof("rule"):
        case "public" if access.public:
            return Rule(public=True)
        case "signed_in" if access.signed_in:
            return Rule()
        case "roles" if access.roles.any_of:
            return Rule(roles=frozenset(access.roles.any_of))
        case "owner" if method.input_type.fields_by_name.get(access.owner.field):
            return Rule()
        case "services" if access.services.any_of:
            return Rule(services=frozenset(access.services.any_of))
    raise ValueError(f"{method.full_name} has no valid access rule")
