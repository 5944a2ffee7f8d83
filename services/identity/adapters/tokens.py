"""Access tokens as JWTs signed with Ed25519, and refresh tokens that lead to one successor each."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.identity.domain.session import ACCESS_LIFETIME, Session
from services.identity.domain.user import User
from services.identity.ports import AccessToken
from services.kernel.ids import new_id


class JwtIssuer:
    """Signs with the key in a PEM file. Its id is its thumbprint (RFC 7638)."""

    def __init__(self, key: Ed25519PrivateKey, issuer: str, audience: str) -> None:
        self._key, self._issuer, self._audience = key, issuer, audience
        raw = key.private_bytes_raw()
        self._rotation = HKDF(hashes.SHA256(), 32, salt=None, info=b"campus refresh token rotation").derive(raw)
        self._jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_key().public_bytes_raw())}
        canonical = json.dumps(self._jwk, sort_keys=True, separators=(",", ":")).encode()
        self._kid = _base64url(hashlib.sha256(canonical).digest())

    @classmethod
    def from_file(cls, path: str, issuer: str, audience: str) -> "JwtIssuer":
        key = serialization.load_pem_private_key(Path(path).read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise SystemExit("CAMPUS_SIGNING_KEY must hold an Ed25519 private key")
        return cls(key, issuer, audience)

    def access_token(self, user: User, session: Session, now: datetime) -> AccessToken:
        expires_at = now.replace(microsecond=0) + ACCESS_LIFETIME
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user.id,
            "sid": session.id,
            "jti": new_id(),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "roles": sorted(user.roles),
        }
        token = jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._kid, "typ": "at+jwt"})
        return AccessToken(token, expires_at)

    def first_refresh_token(self) -> str:
        return secrets.token_urlsafe(32)

    def next_refresh_token(self, token: str) -> str:
        return _base64url(hmac.digest(self._rotation, token.encode(), "sha256"))

    def key_set(self) -> bytes:
        return json.dumps({"keys": [self._jwk | {"kid": self._kid, "alg": "EdDSA", "use": "sig"}]}).encode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
