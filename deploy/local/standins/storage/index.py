"""The SQLite file behind the index: its schema, its durability, and the lock that keeps a second server out."""

import fcntl
import json
import sqlite3
from pathlib import Path
from typing import Any, TextIO

from deploy.local.standins.storage.preconditions import Preconditions
from deploy.local.standins.storage.resources import Bucket, StoredObject, UploadSession

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, created TEXT NOT NULL, updated TEXT NOT NULL,
    metageneration INTEGER NOT NULL, fields TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL REFERENCES buckets (name), name TEXT NOT NULL, generation INTEGER NOT NULL UNIQUE,
    metageneration INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, size INTEGER NOT NULL,
    crc32c TEXT NOT NULL, md5 TEXT NOT NULL, blob_id TEXT NOT NULL UNIQUE, fields TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    upload_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL,
    hashes TEXT NOT NULL, conditions TEXT NOT NULL, generation INTEGER, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last_generation (value INTEGER NOT NULL);
INSERT INTO last_generation SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM last_generation);
"""


def open_index(state_dir: Path) -> sqlite3.Connection:
    database = sqlite3.connect(state_dir / "index.sqlite3", check_same_thread=False, isolation_level=None)
    database.row_factory = sqlite3.Row
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        database.execute(f"PRAGMA {pragma}")
    database.executescript(_SCHEMA)
    return database


def lock_directory(state_dir: Path) -> TextIO:
    """Two servers on one directory would sweep each other's files away."""
    state_dir.mkdir(parents=True, exist_ok=True)
    file = (state_dir / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SystemExit(f"{state_dir} is already served by another process") from None
    return file


def to_bucket(row: sqlite3.Row) -> Bucket:
    return Bucket(**_decoded(row, "fields"))


def to_object(row: sqlite3.Row) -> StoredObject:
    return StoredObject(**_decoded(row, "fields"))


def to_session(row: sqlite3.Row) -> UploadSession:
    values = _decoded(row, "fields", "hashes", "conditions")
    del values["created"]
    values["conditions"] = Preconditions(**values["conditions"])
    return UploadSession(**values)


def _decoded(row: sqlite3.Row, *json_columns: str) -> dict[str, Any]:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - iterating a row yields its values
    return {name: json.loads(value) if name in json_columns else value for name, value in values.items()}
