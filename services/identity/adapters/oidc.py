"""OpenID Connect providers, as data: whatever they publish under their issuer is all that is known of them."""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
from pydantic import BaseModel, Field

from services.chassis.bulkhead import Bulkhead
from services.chassis.interceptors import time_left
from services.chassis.telemetry import logger
from services.identity.domain.errors import OauthFailed, ProviderUnknown
from services.identity.domain.linking import Vouched
from services.kernel.errors import DependencyUnavailable

log = logger("campus.identity.oidc")

# All of them hash with SHA-256, by which at_hash is made as well.
ALGORITHMS = ("RS256", "PS256", "ES256")
LEEWAY_SECONDS = 5
KNOWN_SECONDS = 3600.0
REFETCH_SECONDS = 10.0
MOST_SECONDS = 5.0


class Configured(BaseModel):
    """One entry of CAMPUS_OIDC_PROVIDERS."""

    name: str = Field(pattern="^[a-z][a-z0-9-]{0,49}$")
    issuer: str
    client_id: str
    client_secret: str = Field(repr=False)
    scopes: list[str] = ["openid", "email", "profile"]


class OidcProviders:
    def __init__(self, configured: Sequence[Configured], public_url: str) -> None:
        self._providers = {each.name: OidcProvider(each, public_url) for each in configured}

    def named(self, name: str) -> "OidcProvider":
        if name not in self._providers:
            raise ProviderUnknown
        return self._providers[name]

    def close(self) -> None:
        for provider in self._providers.values():
            provider.close()


class OidcProvider:
    def __init__(self, configured: Configured, public_url: str) -> None:
        self._is = configured
        self._redirect = f"{public_url.rstrip('/')}/v1/oauth/{configured.name}/callback"
        # Redirects are not followed: an endpoint is where the provider says it is.
        self._web = httpx.Client(timeout=MOST_SECONDS)
        self._bulkhead = Bulkhead(4, 16)
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._learned = self._tried = float("-inf")

    def authorization_url(self, state: str, nonce: str, challenge: str) -> str:
        parameters = {
            "response_type": "code",
            "client_id": self._is.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self._is.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "access_type": "offline",
        }
        return f"{self._known('authorization_endpoint')}?{urlencode(parameters)}"

    def vouch(self, code: str, verifier: str, nonce: str, issuer: str) -> Vouched:
        if issuer not in ("", self._is.issuer):
            raise OauthFailed  # a mix-up: another provider's answer (RFC 9207)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "client_id": self._is.client_id,
            "client_secret": self._is.client_secret,
            "code_verifier": verifier,
        }
        given = self._ask("POST", self._known("token_endpoint"), form)
        claims = self._claims(given.get("id_token"))
        access_token = str(given.get("access_token") or "")
        if not hmac.compare_digest(str(claims["nonce"]), nonce) or not _belongs(access_token, claims):
            raise OauthFailed
        return Vouched(
            subject=str(claims["sub"]),
            email=str(claims.get("email") or ""),
            email_verified=claims.get("email_verified") is True,
            name=str(claims.get("name") or ""),
            access_token=access_token,
            refresh_token=str(given.get("refresh_token") or ""),
        )

    def close(self) -> None:
        self._web.close()

    def _claims(self, token: object) -> dict[str, Any]:
        if not isinstance(token, str):
            raise OauthFailed
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(jwt.get_unverified_header(token).get("kid")),
                algorithms=ALGORITHMS,
                issuer=self._is.issuer,
                audience=self._is.client_id,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            log.warning("an id token does not hold", extra={"fields": {"error": type(error).__name__}})
            raise OauthFailed from None
        # Meant for several, or handed on by another client (OpenID Connect Core 3.1.3.7).
        if claims.get("azp", self._is.client_id) != self._is.client_id or not isinstance(claims["aud"], str | list):
            raise OauthFailed
        if isinstance(claims["aud"], list) and claims["aud"] != [self._is.client_id]:
            raise OauthFailed
        return claims

    def _key(self, kid: object) -> jwt.PyJWK:
        with self._lock:
            now = time.monotonic()
            if kid not in self._keys and now - self._tried > REFETCH_SECONDS:
                self._tried = now
                found = self._ask("GET", str(self._known_now("jwks_uri")))
                self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(found).keys if key.key_id}
            if not isinstance(kid, str) or kid not in self._keys:
                raise OauthFailed
            return self._keys[kid]

    def _known(self, name: str) -> str:
        with self._lock:
            return str(self._known_now(name))

    def _known_now(self, name: str) -> object:
        if time.monotonic() - self._learned > KNOWN_SECONDS:
            found = self._ask("GET", f"{self._is.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._is.issuer:
                raise OauthFailed
            self._metadata, self._learned = found, time.monotonic()
        if name not in self._metadata:
            raise OauthFailed
        return self._metadata[name]

    def _ask(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """What the provider answers, as JSON. A code is never presented twice: that would end its tokens."""
        try:
            with self._bulkhead.entered():
                seconds = max(0.1, min(MOST_SECONDS, time_left(MOST_SECONDS)))
                answer = self._web.request(method, url, data=form, timeout=seconds)
            found = answer.json() if answer.is_success else None
        except (httpx.HTTPError, ValueError):
            raise DependencyUnavailable(dependency="oidc") from None
        if answer.is_server_error:
            raise DependencyUnavailable(dependency="oidc")
        if not isinstance(found, dict):
            log.warning("a provider refused", extra={"fields": {"status": answer.status_code}})
            raise OauthFailed
        return found


def _belongs(access_token: str, claims: dict[str, Any]) -> bool:
    """Whether the id token came with this access token, if it says so (OpenID Connect Core 3.1.3.8)."""
    digest = hashlib.sha256(access_token.encode()).digest()[:16]
    expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return hmac.compare_digest(str(claims.get("at_hash", expected)), expected)
