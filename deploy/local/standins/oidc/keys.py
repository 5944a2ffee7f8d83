"""The signing keys: two are published and one of them signs; with the next key the oldest goes."""

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
    """Newest first. The newest key signs, unless it is only announced: then the other one still does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.sql.execute("SELECT kid, pem, announced FROM keys ORDER BY seq DESC").fetchall()
        self._keys = [SigningKey.from_pem(row["kid"], row["pem"]) for row in rows]
        self._announced = bool(rows and rows[0]["announced"])
        while len(self._keys) < _PUBLISHED:
            self._add(announced=False)

    @property
    def signing(self) -> SigningKey:
        return self._keys[1 if self._announced else 0]

    def announce(self) -> None:
        """Publish the next key ahead of its use, as a provider does that has time."""
        if not self._announced:
            self._add(announced=True)

    def rotate(self) -> None:
        """Sign with the announced key; if there is none, with a new one that no client can know yet."""
        if not self._announced:
            self._add(announced=False)
            return
        with self._store.transaction():
            self._store.sql.execute("UPDATE keys SET announced = 0")
        self._announced = False

    def _add(self, announced: bool) -> None:
        key = SigningKey.generate()
        with self._store.transaction():
            values = (key.kid, key.pem(), announced)
            self._store.sql.execute("INSERT INTO keys (kid, pem, announced) VALUES (?, ?, ?)", values)
            for dropped in self._keys[_PUBLISHED - 1 :]:
                self._store.sql.execute("DELETE FROM keys WHERE kid = ?", (dropped.kid,))
        self._keys = [key, *self._keys[: _PUBLISHED - 1]]
        self._announced = announced

    def published(self) -> dict[str, Any]:
        return {"keys": [key.public() for key in self._keys]}

    def kids(self) -> list[str]:
        return [key.kid for key in self._keys]
