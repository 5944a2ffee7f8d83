"""Access and refresh tokens and the consents behind them."""

import secrets
from dataclasses import dataclass

from deploy.local.standins.oidc.clock import Clock
from deploy.local.standins.oidc.codes import Redeemed
from deploy.local.standins.oidc.store import Store, hashed

# One second less than an hour is what Google tells.
ACCESS_SECONDS = 3599


@dataclass(frozen=True)
class Token:
    kind: str
    code: str
    client: str
    sub: str
    scopes: tuple[str, ...]
    auth_time: int | None


class Tokens:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def consent(self, client_id: str, sub: str, again: bool) -> bool:
        """Note that a person let a client in; tells whether that was asked now and not long ago."""
        with self._store.transaction():
            fresh = self._store.sql.execute("INSERT OR IGNORE INTO consents VALUES (?, ?)", (client_id, sub)).rowcount
        return bool(fresh) or again

    def first(self, redeemed: Redeemed) -> tuple[str, str | None]:
        """The tokens for a code."""
        of = Token("access", redeemed.code, redeemed.client, redeemed.sub, redeemed.scopes, redeemed.auth_time)
        return self.access(of), self._issue(of, "refresh", "1//0", None) if redeemed.offline else None

    def access(self, of: Token) -> str:
        return self._issue(of, "access", "ya29.", self._clock.now() + ACCESS_SECONDS)

    def _issue(self, of: Token, kind: str, prefix: str, expires: float | None) -> str:
        token = prefix + secrets.token_urlsafe(48)
        values = (hashed(token), kind, of.code, of.client, of.sub, " ".join(of.scopes), of.auth_time, expires)
        with self._store.transaction():
            self._store.sql.execute("DELETE FROM tokens WHERE expires < ?", (self._clock.now(),))
            self._store.sql.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return token

    def find(self, token: str, kind: str | None = None) -> Token | None:
        """A token in force."""
        row = self._store.sql.execute(
            "SELECT * FROM tokens WHERE hash = ? AND (expires IS NULL OR expires > ?)",
            (hashed(token), self._clock.now()),
        ).fetchone()
        if row is None or kind not in (None, row["kind"]):
            return None
        scopes = tuple(row["scopes"].split())
        return Token(row["kind"], row["code"], row["client"], row["sub"], scopes, row["auth_time"])

    def disconnect(self, sub: str, client_id: str) -> None:
        """What revoking any of their tokens does: to this person the client is as unknown as at first."""
        with self._store.transaction():
            for table in ("codes", "tokens", "consents"):
                self._store.sql.execute(f"DELETE FROM {table} WHERE sub = ? AND client = ?", (sub, client_id))  # noqa: S608
