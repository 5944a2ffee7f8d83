"""The signing keys: two are published, the newer one signs, and rotation drops the older."""

import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import RSAAlgorithm

from deploy.local.standins.oidc.store import Store

_PUBLISHED = 2


class SigningKey:
    def __init__(self, kid: str, private: rsa.RSAPrivateKey) -> None:
        self.kid, self.private = kid, private

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(secrets.token_hex(20), rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    def from_pem(cls, kid: str, pem: str) -> "SigningKey":
        private = load_pem_private_key(pem.encode(), password=None)
        assert isinstance(private, rsa.RSAPrivateKey)
        return cls(kid, private)

    def pem(self) -> str:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def public(self) -> dict[str, Any]:
        numbers = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": numbers["n"], "e": numbers["e"]}


class KeyRing:
    """A rotated key signs at once: a client that knows yesterday's set has to ask again for a key it does not know."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.sql.execute("SELECT kid, pem FROM keys ORDER BY seq DESC").fetchall()
        self._keys = [SigningKey.from_pem(row["kid"], row["pem"]) for row in rows]
        while len(self._keys) < _PUBLISHED:
            self.rotate()

    @property
    def signing(self) -> SigningKey:
        return self._keys[0]

    def rotate(self) -> None:
        key = SigningKey.generate()
        with self._store.transaction():
            self._store.sql.execute("INSERT INTO keys (kid, pem) VALUES (?, ?)", (key.kid, key.pem()))
            for dropped in self._keys[_PUBLISHED - 1 :]:
                self._store.sql.execute("DELETE FROM keys WHERE kid = ?", (dropped.kid,))
        self._keys = [key, *self._keys[: _PUBLISHED - 1]]

    def published(self) -> dict[str, Any]:
        return {"keys": [key.public() for key in self._keys]}

    def kids(self) -> list[str]:
        return [key.kid for key in self._keys]
