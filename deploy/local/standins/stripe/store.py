"""What the stand-in remembers, in one SQLite file: a write is committed before it is answered and survives kill -9."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.standins.stripe.errors import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL, private TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (kind, json_extract(body, '$.customer'));
CREATE INDEX IF NOT EXISTS objects_by_payment_intent ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS objects_by_charge ON objects (kind, json_extract(body, '$.charge'));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, path TEXT NOT NULL, fingerprint TEXT NOT NULL, request_id TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, first REAL NOT NULL, due REAL NOT NULL, outcome TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due);
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event, endpoint);
CREATE TABLE IF NOT EXISTS timers (
    action TEXT NOT NULL, target TEXT NOT NULL, due REAL NOT NULL, PRIMARY KEY (action, target));
"""


class Store:
    """One connection, one writer; every change happens inside `transaction`."""

    def __init__(self, path: Path) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.sql.row_factory = sqlite3.Row
        # WAL with synchronous=NORMAL loses nothing when the process dies; only a power cut could take the last commits.
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

    @contextmanager
    def undo_on_error(self, *keep: type[Exception]) -> Iterator[None]:
        """A part of a transaction that is taken back when it raises, unless the error is one that keeps its effects."""
        self.sql.execute("SAVEPOINT part")
        try:
            yield
        except keep:
            self.sql.execute("RELEASE part")
            raise
        except BaseException:
            self.sql.execute("ROLLBACK TO part")
            self.sql.execute("RELEASE part")
            raise
        self.sql.execute("RELEASE part")

    def insert(self, obj: Json, private: Json) -> None:
        self.sql.execute(
            "INSERT INTO objects (id, kind, created, body, private) VALUES (?, ?, ?, ?, ?)",
            (obj["id"], obj["object"], obj["created"], json.dumps(obj), json.dumps(private)),
        )

    def replace(self, obj: Json) -> None:
        self.sql.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(obj), obj["id"]))

    def get(self, object_id: str) -> Json | None:
        row = self.sql.execute("SELECT body FROM objects WHERE id = ?", (object_id,)).fetchone()
        return None if row is None else dict(json.loads(row["body"]))

    def private(self, object_id: str) -> Json:
        """What is known of an object and never shown: the secret of an endpoint, the wishes behind a session."""
        row = self.sql.execute("SELECT private FROM objects WHERE id = ?", (object_id,)).fetchone()
        return dict(json.loads(row["private"]))

    def set_private(self, object_id: str, private: Json) -> None:
        self.sql.execute("UPDATE objects SET private = ? WHERE id = ?", (json.dumps(private), object_id))

    def where(self, kind: str, **equal: Any) -> list[Json]:
        """All objects of a kind with these values, oldest first."""
        clauses = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in equal)
        rows = self.sql.execute(
            f"SELECT body FROM objects WHERE kind = ?{clauses} ORDER BY seq",  # noqa: S608 - names come from our code
            (kind, *equal.values()),
        )
        return [dict(json.loads(row["body"])) for row in rows]

    def setting(self, name: str) -> str | None:
        row = self.sql.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_setting(self, name: str, value: str) -> None:
        self.sql.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))
