"""Accepted mails and deferred recipients, in one SQLite file that survives restarts."""

import json
import sqlite3
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    number INTEGER PRIMARY KEY AUTOINCREMENT, mail_id TEXT NOT NULL UNIQUE, received_at TEXT NOT NULL,
    mail_from TEXT NOT NULL, recipients TEXT NOT NULL, raw BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS recipients (
    number INTEGER NOT NULL REFERENCES mails (number) ON DELETE CASCADE, address TEXT NOT NULL,
    PRIMARY KEY (address, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deferrals (address TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_NEWEST_FIRST = "SELECT * FROM mails WHERE number IN ({}) ORDER BY number DESC LIMIT ?"


@dataclass(frozen=True)
class Mail:
    """One accepted message with its envelope; `raw` is what came over the wire."""

    mail_id: str
    received_at: str
    mail_from: str
    recipients: list[str]
    raw: bytes


class Mailbox:
    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(state_dir / "mail.sqlite3", check_same_thread=False, isolation_level=None)
        self._mutex = threading.Lock()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def add(self, mail_from: str, recipients: list[str], raw: bytes) -> Mail:
        mail = Mail(uuid.uuid4().hex, datetime.now(UTC).isoformat(timespec="milliseconds"), mail_from, recipients, raw)
        insert = "INSERT INTO mails (mail_id, received_at, mail_from, recipients, raw) VALUES (?, ?, ?, ?, ?)"
        with self._mutex, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            values = [mail.mail_id, mail.received_at, mail_from, json.dumps(recipients), raw]
            number = self._database.execute(insert, values).lastrowid
            addresses = {address.lower() for address in recipients}
            self._database.executemany(
                "INSERT INTO recipients VALUES (?, ?)", [(number, address) for address in addresses]
            )
        return mail

    def received_by(self, address: str, limit: int) -> list[Mail]:
        """Newest first; the whole address, in any case."""
        return self._select("SELECT number FROM recipients WHERE address = ?", [address.lower()], limit)

    def search(self, text: str, limit: int) -> list[Mail]:
        """Newest first; any part of a recipient's address."""
        found = "SELECT number FROM recipients WHERE instr(address, ?) > 0"
        return self._select(found, [text.strip().lower()], limit)

    def newest(self, limit: int) -> list[Mail]:
        return self._select("SELECT number FROM mails", [], limit)

    def get(self, mail_id: str) -> Mail | None:
        found = self._select("SELECT number FROM mails WHERE mail_id = ?", [mail_id], 1)
        return found[0] if found else None

    def count(self) -> int:
        with self._mutex:
            return int(self._database.execute("SELECT count(*) FROM mails").fetchone()[0])

    def clear(self) -> None:
        with self._mutex:
            self._database.execute("DELETE FROM mails")

    def defer_once(self, address: str) -> bool:
        """True the first time, False the second, then anew: each delivery to the address needs one retry."""
        with self._mutex, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            gone = self._database.execute("DELETE FROM deferrals WHERE address = ?", [address.lower()]).rowcount
            if not gone:
                self._database.execute("INSERT INTO deferrals VALUES (?)", [address.lower()])
            return not gone

    def _select(self, numbers: str, parameters: list[str], limit: int) -> list[Mail]:
        with self._mutex:
            rows = self._database.execute(_NEWEST_FIRST.format(numbers), [*parameters, limit]).fetchall()
        return [Mail(row[1], row[2], row[3], json.loads(row[4]), row[5]) for row in rows]
