"""Registered clients: their secrets and the redirect URIs they may use."""

import base64
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

from deploy.local.standins.oidc.params import Params
from deploy.local.standins.oidc.refusals import OAuthError
from deploy.local.standins.oidc.store import Store, hashed

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


class BadClient(ValueError):
    """A registration that a provider would not accept."""


@dataclass(frozen=True)
class Client:
    id: str
    secret_hash: str
    redirect_uris: tuple[str, ...]


def new_secret() -> str:
    return f"GOCSPX-{secrets.token_urlsafe(21)}"


def kept_secret(path: Path, client_id: str) -> str:
    """The secret made at the first start, from the file that tells it to whoever runs this provider."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("client_id") != client_id:
        kept = {"client_id": client_id, "client_secret": new_secret()}
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(kept, file)
        fresh.replace(path)
    return str(kept["client_secret"])


class Clients:
    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, client_id: str, secret: str, redirect_uris: tuple[str, ...]) -> None:
        """Enter a client, or change the one of that id."""
        if not client_id.isascii() or not client_id.isprintable() or not client_id:
            raise BadClient("a client id is printable ASCII")
        for uri in redirect_uris:
            _check_redirect_uri(uri)
        with self._store.transaction():
            self._store.sql.execute(
                "INSERT OR REPLACE INTO clients VALUES (?, ?, ?)",
                (client_id, hashed(secret), json.dumps(redirect_uris)),
            )

    def find(self, client_id: str) -> Client | None:
        row = self._store.sql.execute("SELECT * FROM clients WHERE id = ?", (client_id,)).fetchone()
        return None if row is None else Client(row["id"], row["secret_hash"], tuple(json.loads(row["redirect_uris"])))

    def authenticated(self, authorization: str | None, params: Params) -> Client:
        """The client that a request proves to come from, by a Basic header or by form fields, but not by both."""
        basic = authorization is not None
        if authorization is None:
            client_id, secret = params.get("client_id"), params.get("client_secret")
        else:
            client_id, secret = _basic(authorization)
            if params.get("client_secret") is not None or params.get("client_id") not in (None, client_id):
                raise OAuthError("invalid_request", "Authenticate the client in one way only")
        client = None if client_id is None else self.find(client_id)
        if client is None:
            raise _unauthenticated("The OAuth client was not found.", basic)
        if not hmac.compare_digest(hashed(secret or ""), client.secret_hash):
            raise _unauthenticated("The provided client secret is invalid.", basic)
        return client


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise _unauthenticated("The Authorization header cannot be read.", basic=True)
    # Both halves were form-encoded before they were joined (RFC 6749, 2.3.1).
    return unquote_plus(client_id), unquote_plus(secret)


def _unauthenticated(description: str, basic: bool) -> OAuthError:
    return OAuthError("invalid_client", description, 401, 'Basic realm="oidc"' if basic else None)


def _check_redirect_uri(uri: str) -> None:
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2].partition(":")[0] if not parts.netloc.startswith("[") else "[::1]"
    if parts.fragment or "#" in uri or not parts.netloc or not (uri.isascii() and uri.isprintable()):
        raise BadClient(f"{uri} is no absolute URI without a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise BadClient(f"{uri} is neither https nor on this machine")
