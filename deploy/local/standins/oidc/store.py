"""What the provider remembers, in one SQLite file; secrets, codes and tokens only as hashes."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS clients (id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL, redirect_uris TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS identities (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, sub TEXT NOT NULL UNIQUE, email TEXT, email_verified INTEGER,
    name TEXT, picture TEXT, hd TEXT);
CREATE TABLE IF NOT EXISTS keys (seq INTEGER PRIMARY KEY AUTOINCREMENT, kid TEXT NOT NULL UNIQUE, pem TEXT NOT NULL,
    announced INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS consents (client TEXT NOT NULL, sub TEXT NOT NULL, PRIMARY KEY (client, sub));
CREATE TABLE IF NOT EXISTS codes (
    hash TEXT PRIMARY KEY, client TEXT NOT NULL, sub TEXT NOT NULL, redirect_uri TEXT NOT NULL, scopes TEXT NOT NULL,
    nonce TEXT, challenge TEXT NOT NULL, offline INTEGER NOT NULL, auth_time INTEGER, expires REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS tokens (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, code TEXT NOT NULL, client TEXT NOT NULL, sub TEXT NOT NULL,
    scopes TEXT NOT NULL, auth_time INTEGER, expires REAL);
CREATE INDEX IF NOT EXISTS tokens_of_code ON tokens (code);
CREATE INDEX IF NOT EXISTS tokens_of_consent ON tokens (client, sub);
"""


class Store:
    """One connection, one writer; every change happens inside `transaction`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The signing keys lie in it.
        path.touch(mode=0o600)
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.sql.row_factory = sqlite3.Row
        self.sql.execute("PRAGMA journal_mode=WAL")
        self.sql.execute("PRAGMA synchronous=NORMAL")
        self.sql.executescript(_SCHEMA)

    def close(self) -> None:
        self.sql.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.sql.execute("ROLLBACK")
            raise
        self.sql.execute("COMMIT")


def hashed(secret: str) -> str:
    """How a secret is kept: the real one cannot be read out of the file."""
    return hashlib.sha256(secret.encode()).hexdigest()
