"""The ID token: what is said of a person to one client, signed by the current key."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy.local.standins.oidc.clock import Clock
from deploy.local.standins.oidc.faults import SIGNATURE_KINDS, Faults
from deploy.local.standins.oidc.identities import Identity
from deploy.local.standins.oidc.keys import KeyRing, SigningKey

LIFETIME_SECONDS = 3600


def claims_about(identity: Identity, scopes: Iterable[str], issuer: str) -> dict[str, Any]:
    """What a client may know of a person by its scopes; the same in the ID token and from userinfo."""
    claims: dict[str, Any] = {"sub": identity.sub}
    if "email" in scopes and identity.email is not None:
        claims |= {"email": identity.email, "email_verified": identity.email_verified, "hd": identity.hd}
    if "profile" in scopes:
        given, _, family = (identity.name or "").partition(" ")
        claims |= {"name": identity.name, "given_name": given, "family_name": family}
        claims["picture"] = identity.picture or f"{issuer}/a/{identity.sub}"
    return {name: value for name, value in claims.items() if value not in (None, "")}


class IdTokens:
    def __init__(self, issuer: str, keys: KeyRing, clock: Clock, faults: Faults) -> None:
        self._issuer, self._keys, self._clock, self._faults = issuer, keys, clock, faults

    def issue(
        self,
        identity: Identity,
        client_id: str,
        scopes: tuple[str, ...],
        access_token: str,
        nonce: str | None,
        auth_time: int | None,
    ) -> str:
        now = int(self._clock.now())
        said = {
            "iss": self._issuer,
            "azp": client_id,
            "aud": client_id,
            **claims_about(identity, scopes, self._issuer),
            "at_hash": at_hash(access_token),
            "nonce": nonce,
            "auth_time": auth_time,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        }
        self._spoil(said)
        return self._signed({name: value for name, value in said.items() if value is not None})

    def _spoil(self, said: dict[str, Any]) -> None:
        take = self._faults.take
        if take("wrong_nonce"):
            said["nonce"] = secrets.token_urlsafe(16)
        if take("missing_nonce"):
            said["nonce"] = None
        if take("wrong_at_hash"):
            said["at_hash"] = at_hash(secrets.token_urlsafe(16))
        if fault := take("wrong_issuer"):
            said["iss"] = fault.saying("https://issuer.invalid")
        if fault := take("wrong_audience"):
            said["aud"] = said["azp"] = fault.saying("another-client")
        if fault := take("expired_id_token"):
            said["exp"] = int(self._clock.now() - fault.lasting(600))
            said["iat"] = said["exp"] - LIFETIME_SECONDS
        if fault := take("early_id_token"):
            said["iat"] = int(self._clock.now() + fault.lasting(600))
            said["exp"] = said["iat"] + LIFETIME_SECONDS
        for fault in self._faults.take_all("claim"):
            said[fault.claim] = fault.value

    def _signed(self, said: dict[str, Any]) -> str:
        key = self._keys.signing
        fault = next((kind for kind in SIGNATURE_KINDS if self._faults.take(kind)), None)
        if fault == "unsigned_id_token":
            return jwt.encode(said, "", algorithm="none", headers={"kid": key.kid})
        if fault == "symmetric_id_token":
            return _symmetric(said, key)
        if fault == "wrong_key":
            key = SigningKey(key.kid, SigningKey.generate().private)
        if fault == "unknown_key":
            key = SigningKey.generate()
        return jwt.encode(said, key.private, algorithm="RS256", headers={"kid": key.kid})


def at_hash(access_token: str) -> str:
    """The left half of the token's hash, which binds it to the ID token."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return _base64(digest[: len(digest) // 2])


def _symmetric(said: dict[str, Any], key: SigningKey) -> str:
    """Made by hand: no proper library lets a public key be used as a shared secret."""
    header = {"alg": "HS256", "typ": "JWT", "kid": key.kid}
    signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, said))
    secret = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{signed}.{_base64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
