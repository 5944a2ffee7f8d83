"""Access tokens as JWTs signed with Ed25519, and refresh tokens that lead to one successor each."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.identity.domain.api_key import ApiKey
from services.identity.domain.session import ACCESS_LIFETIME, Session
from services.identity.domain.user import Role, User
from services.identity.ports import AccessToken
from services.kernel.ids import new_id


class JwtIssuer:
    """Signs with one key and publishes others as well: the next one before it signs, and the one before until its
    tokens have expired. A key's id is its thumbprint (RFC 7638)."""

    def __init__(
        self, key: Ed25519PrivateKey, issuer: str, audience: str, published: Sequence[Ed25519PrivateKey] = ()
    ) -> None:
        self._key, self._issuer, self._audience = key, issuer, audience
        keys = [key, *published]
        self._jwks = [_jwk(each) for each in keys]
        self._kid = self._jwks[0]["kid"]
        self._rotations = [_rotation(each) for each in keys]

    @classmethod
    def from_files(cls, path: str, published: Sequence[str], issuer: str, audience: str) -> "JwtIssuer":
        return cls(_loaded(path), issuer, audience, [_loaded(each) for each in published])

    def access_token(self, user: User, session: Session, now: datetime) -> AccessToken:
        return self._signed(user.id, session.id, sorted(user.roles), now)

    def api_key_token(self, user: User, api_key: ApiKey, now: datetime) -> AccessToken:
        return self._signed(user.id, api_key.id, sorted(user.roles & api_key.scopes), now)

    def _signed(self, user_id: str, session_id: str, roles: list[Role], now: datetime) -> AccessToken:
        expires_at = now.replace(microsecond=0) + ACCESS_LIFETIME
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user_id,
            "sid": session_id,
            "jti": new_id(),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "roles": roles,
        }
        token = jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._kid, "typ": "at+jwt"})
        return AccessToken(token, expires_at)

    def first_refresh_token(self) -> str:
        return secrets.token_urlsafe(32)

    def next_refresh_tokens(self, token: str) -> list[str]:
        return [_base64url(hmac.digest(each, token.encode(), "sha256")) for each in self._rotations]

    def key_set(self) -> bytes:
        return json.dumps({"keys": [each | {"alg": "EdDSA", "use": "sig"} for each in self._jwks]}).encode()


def _loaded(path: str) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(Path(path).read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{path} must hold an Ed25519 private key")
    return key


def _rotation(key: Ed25519PrivateKey) -> bytes:
    raw = key.private_bytes_raw()
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"campus refresh token rotation").derive(raw)


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_key().public_bytes_raw())}
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    return jwk | {"kid": _base64url(hashlib.sha256(canonical).digest())}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
