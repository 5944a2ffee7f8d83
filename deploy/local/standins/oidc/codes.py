"""Authorization codes: bound to client, redirect URI and challenge, good once and for a minute."""

import base64
import hashlib
import hmac
import re
import secrets
import sqlite3
from dataclasses import dataclass

from deploy.local.standins.oidc.authorization import Asked, Return
from deploy.local.standins.oidc.clients import Client
from deploy.local.standins.oidc.clock import Clock
from deploy.local.standins.oidc.refusals import OAuthError
from deploy.local.standins.oidc.store import Store, hashed

LIFETIME_SECONDS = 60
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True)
class Redeemed:
    """What a code stood for; `code` is its hash, by which the tokens made from it are found again."""

    code: str
    client: str
    sub: str
    scopes: tuple[str, ...]
    nonce: str | None
    offline: bool
    auth_time: int | None


class Codes:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def issue(self, back: Return, asked: Asked, sub: str, offline: bool) -> str:
        # With a slash, as Google's: it has to survive URLs and forms.
        code, now = f"4/0A{secrets.token_urlsafe(48)}", self._clock.now()
        auth_time = int(now) if asked.tell_time else None
        values = (
            *(hashed(code), back.client.id, sub, back.redirect_uri, " ".join(asked.scopes)),
            *(asked.nonce, asked.challenge, offline, auth_time, now + LIFETIME_SECONDS),
        )
        with self._store.transaction():
            self._store.sql.execute("DELETE FROM codes WHERE expires < ?", (now - 24 * 3600,))
            self._store.sql.execute("INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", values)
        return code

    def redeem(self, code: str, client: Client, redirect_uri: str, verifier: str | None) -> Redeemed:
        """Use a code up. Whoever presents a used one may have stolen it, so what was made from it dies."""
        row = self._store.sql.execute("SELECT * FROM codes WHERE hash = ?", (hashed(code),)).fetchone()
        if row is None or row["client"] != client.id:
            raise OAuthError("invalid_grant", "Malformed auth code.")
        if row["used"]:
            self._revoke(row["hash"])
            raise OAuthError("invalid_grant", "The code was used before; the tokens issued for it are revoked.")
        self._check(row, redirect_uri, verifier)
        with self._store.transaction():
            self._store.sql.execute("UPDATE codes SET used = 1 WHERE hash = ?", (row["hash"],))
        scopes = tuple(row["scopes"].split())
        return Redeemed(
            row["hash"], client.id, row["sub"], scopes, row["nonce"], bool(row["offline"]), row["auth_time"]
        )

    def _check(self, row: sqlite3.Row, redirect_uri: str, verifier: str | None) -> None:
        if self._clock.now() >= row["expires"]:
            raise OAuthError("invalid_grant", "The code has expired.")
        if redirect_uri != row["redirect_uri"]:
            raise OAuthError("invalid_grant", "redirect_uri is not the one the code was sent to.")
        if verifier is None:
            raise OAuthError("invalid_grant", "Missing code verifier.")
        if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(challenge_of(verifier), row["challenge"]):
            raise OAuthError("invalid_grant", "Invalid code verifier.")

    def _revoke(self, code_hash: str) -> None:
        with self._store.transaction():
            self._store.sql.execute("DELETE FROM tokens WHERE code = ?", (code_hash,))


def challenge_of(verifier: str) -> str:
    """The S256 transformation of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
