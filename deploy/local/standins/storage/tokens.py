"""The OAuth token endpoint (JWT-bearer grant) and the check of the bearer tokens it hands out."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.local.standins.storage.accounts import Account
from deploy.local.standins.storage.errors import StorageError

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Google's own libraries name this audience whatever token_uri the account file gives.
_GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"
_LIFETIME_SECONDS = 3600
_LEEWAY_SECONDS = 30
_SCOPE_BASE = "https://www.googleapis.com/auth/"
_WRITE_SCOPES = {_SCOPE_BASE + name for name in ("devstorage.read_write", "devstorage.full_control", "cloud-platform")}
_READ_SCOPES = _WRITE_SCOPES | {_SCOPE_BASE + name for name in ("devstorage.read_only", "cloud-platform.read-only")}


class _GrantRefused(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True)
class Tokens:
    """Issues and checks access tokens; they are signed, so that they outlive a restart as real ones do."""

    account: Account
    secret: bytes

    @classmethod
    def open(cls, account: Account, state_dir: Path) -> "Tokens":
        path = state_dir / "token-secret"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(32))
        return cls(account, path.read_bytes())

    async def endpoint(self, request: Request) -> Response:
        form = await request.form()
        try:
            token = self._exchange(_assertion(form))
        except _GrantRefused as refusal:
            return JSONResponse({"error": refusal.error, "error_description": refusal.description}, status_code=400)
        body = {"access_token": token, "expires_in": _LIFETIME_SECONDS - 1, "token_type": "Bearer"}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    def _exchange(self, assertion: str) -> str:
        try:
            claims = jwt.decode(
                assertion,
                self.account.public_key,
                algorithms=["RS256"],
                audience=[_GOOGLE_AUDIENCE, self.account.token_uri],
                issuer=self.account.email,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "iat", "exp"]},
            )
        except jwt.InvalidSignatureError:
            raise _GrantRefused("invalid_grant", "Invalid JWT Signature.") from None
        except jwt.InvalidTokenError as fault:
            raise _GrantRefused("invalid_grant", f"Invalid JWT: {fault}") from None
        if claims["exp"] - claims["iat"] > _LIFETIME_SECONDS:
            raise _GrantRefused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
        scope = claims.get("scope")
        if not isinstance(scope, str) or not scope:
            raise _GrantRefused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        now = int(time.time())
        grant = {"sub": claims["iss"], "scope": scope, "iat": now, "exp": now + _LIFETIME_SECONDS}
        return jwt.encode(grant, self.secret, algorithm="HS256")

    def authorize(self, request: Request) -> None:
        """Refuse a request whose bearer token is missing, forged, expired, or too narrow for its method."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized(
                "Anonymous caller does not have access to the Google Cloud Storage resource.", "required"
            )
        try:
            claims = self._claims(token.strip())
        except jwt.InvalidTokenError:
            raise _unauthorized("Invalid Credentials", "authError") from None
        allowed = _READ_SCOPES if request.method in ("GET", "HEAD") else _WRITE_SCOPES
        if not allowed & set(str(claims["scope"]).split()):
            raise StorageError(403, "Request had insufficient authentication scopes.", reason="insufficientPermissions")

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token says that was handed out here, or that the account signed for itself: storage takes both."""
        if jwt.get_unverified_header(token).get("alg") != "RS256":
            return jwt.decode(token, self.secret, algorithms=["HS256"], options={"require": ["exp", "scope"]})
        claims = jwt.decode(
            token,
            self.account.public_key,
            algorithms=["RS256"],
            issuer=self.account.email,
            subject=self.account.email,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "iat", "exp", "scope"]},
        )
        if claims["exp"] - claims["iat"] > _LIFETIME_SECONDS:
            raise jwt.InvalidTokenError("lives too long")
        return claims


def _assertion(form: Mapping[str, object]) -> str:
    grant_type, assertion = form.get("grant_type"), form.get("assertion")
    if grant_type != _GRANT:
        raise _GrantRefused("unsupported_grant_type", f"Invalid grant_type: {grant_type}")
    if not isinstance(assertion, str) or not assertion:
        raise _GrantRefused("invalid_request", "Missing required parameter: assertion")
    return assertion


def _unauthorized(message: str, reason: str) -> StorageError:
    return StorageError(
        401, message, reason=reason, headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'}
    )
