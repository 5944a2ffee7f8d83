"""Buckets, objects and upload sessions: a change is one transaction, made after its bytes are durable."""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from deploy.local.standins.storage.blobs import Blobs, Draft
from deploy.local.standins.storage.errors import StorageError, invalid, no_such_bucket, no_such_object
from deploy.local.standins.storage.index import lock_directory, open_index, to_bucket, to_object, to_session
from deploy.local.standins.storage.preconditions import Preconditions
from deploy.local.standins.storage.resources import (
    Bucket,
    Fields,
    StoredObject,
    UploadSession,
    bucket_fields,
    check_bucket_name,
    check_object_name,
    object_fields,
    patched_fields,
    timestamp,
)

_SESSION_SECONDS = 7 * 24 * 3600


class Store:
    def __init__(self, state_dir: Path) -> None:
        self._lock_file = lock_directory(state_dir)
        self._database = open_index(state_dir)
        self._mutex = threading.Lock()
        self.blobs = Blobs(state_dir)
        self._sweep()

    def close(self) -> None:
        self._database.close()
        self._lock_file.close()

    # Buckets

    def create_bucket(self, body: Mapping[str, Any]) -> Bucket:
        now = timestamp()
        bucket = Bucket(check_bucket_name(body.get("name")), now, now, 1, bucket_fields(body))
        with self._transaction() as database:
            if database.execute("SELECT 1 FROM buckets WHERE name = ?", [bucket.name]).fetchone():
                message = "Your previous request to create the named bucket succeeded and you already own it."
                raise StorageError(409, message)
            values = [bucket.name, now, now, 1, json.dumps(bucket.fields)]
            database.execute("INSERT INTO buckets VALUES (?, ?, ?, ?, ?)", values)
        return bucket

    def bucket(self, name: str) -> Bucket:
        with self._mutex:
            return self._bucket(name)

    def buckets(self) -> list[Bucket]:
        with self._mutex:
            return [to_bucket(row) for row in self._database.execute("SELECT * FROM buckets ORDER BY name")]

    def patch_bucket(self, name: str, body: Mapping[str, Any], conditions: Preconditions) -> Bucket:
        with self._transaction() as database:
            bucket = self._bucket(name)
            conditions.check_write(0, bucket.metageneration)
            fields = {**bucket.fields, **bucket_fields(body)}
            bucket = replace(bucket, fields=fields, updated=timestamp(), metageneration=bucket.metageneration + 1)
            values = [json.dumps(fields), bucket.updated, bucket.metageneration, name]
            database.execute("UPDATE buckets SET fields = ?, updated = ?, metageneration = ? WHERE name = ?", values)
        return bucket

    def delete_bucket(self, name: str, conditions: Preconditions) -> None:
        with self._transaction() as database:
            conditions.check_write(0, self._bucket(name).metageneration)
            if database.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", [name]).fetchone():
                raise StorageError(409, "The bucket you tried to delete is not empty.", code="BucketNotEmpty")
            database.execute("DELETE FROM buckets WHERE name = ?", [name])

    # Objects

    def get(self, bucket: str, name: str, generation: int | None = None) -> StoredObject:
        with self._mutex:
            return self._existing(bucket, name, generation)

    def open(self, stored: StoredObject) -> BinaryIO:
        """An open file keeps its bytes even when the object is replaced while they are being read."""
        return self.blobs.open(stored.blob_id)

    def read(self, bucket: str, name: str, generation: int | None = None) -> tuple[StoredObject, BinaryIO]:
        with self._mutex:
            stored = self._existing(bucket, name, generation)
            return stored, self.open(stored)

    def put(
        self,
        bucket: str,
        name: str,
        fields: Mapping[str, Any],
        draft: Draft,
        conditions: Preconditions,
        hashes: Mapping[str, str],
        upload_id: str | None = None,
    ) -> StoredObject:
        """Make a received draft the object of that name, unless a hash or condition the caller gave does not hold."""
        try:
            kept = object_fields(fields)
            check_object_name(name)
            blob = draft.finish()
            _check_hashes({"crc32c": blob.crc32c, "md5Hash": blob.md5, "sha256": blob.sha256}, hashes)
            with self._transaction() as database:
                replaced = self._check_write(bucket, name, conditions)
                self.blobs.publish(draft, blob)
                now = timestamp()
                stored = StoredObject(
                    bucket,
                    name,
                    self._next_generation(),
                    1,
                    now,
                    now,
                    blob.size,
                    blob.crc32c,
                    blob.md5,
                    blob.blob_id,
                    kept,
                )
                values = (*_columns(stored)[:-1], json.dumps(kept))
                database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
                if upload_id is not None:
                    done = [stored.generation, upload_id]
                    database.execute("UPDATE sessions SET generation = ? WHERE upload_id = ?", done)
        except BaseException:
            draft.discard()
            raise
        if replaced is not None:
            self.blobs.remove(replaced.blob_id)
        return stored

    def update(
        self, bucket: str, name: str, body: Mapping[str, Any], conditions: Preconditions, *, whole: bool
    ) -> StoredObject:
        """Change an object's metadata: merged into what is there, or in place of it."""
        with self._transaction() as database:
            stored = self._existing(bucket, name)
            conditions.check_write(stored.generation, stored.metageneration)
            fields = object_fields(body) if whole else patched_fields(stored.fields, body)
            stored = replace(stored, fields=fields, updated=timestamp(), metageneration=stored.metageneration + 1)
            values = [json.dumps(fields), stored.updated, stored.metageneration, bucket, name]
            database.execute(
                "UPDATE objects SET fields = ?, updated = ?, metageneration = ? WHERE bucket = ? AND name = ?", values
            )
        return stored

    def delete(self, bucket: str, name: str, conditions: Preconditions, generation: int | None = None) -> None:
        with self._transaction() as database:
            stored = self._existing(bucket, name, generation)
            conditions.check_write(stored.generation, stored.metageneration)
            database.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", [bucket, name])
        self.blobs.remove(stored.blob_id)

    def scan(self, bucket: str, prefix: str, start: str) -> list[StoredObject]:
        """Objects from `start` on that begin with the prefix, in the byte order of their names."""
        with self._mutex:
            self._bucket(bucket)
            query = "SELECT * FROM objects WHERE bucket = ? AND name >= ? AND substr(name, 1, ?) = ? ORDER BY name"
            rows = self._database.execute(query, [bucket, max(prefix, start), len(prefix), prefix])
            return [to_object(row) for row in rows]

    # Upload sessions

    def start_session(
        self, bucket: str, name: str, fields: Mapping[str, Any], hashes: dict[str, str], conditions: Preconditions
    ) -> UploadSession:
        session = UploadSession(
            secrets.token_urlsafe(32), bucket, check_object_name(name), object_fields(fields), hashes, conditions
        )
        with self._transaction() as database:
            self._check_write(bucket, name, conditions)
            documents = [json.dumps(part) for part in (session.fields, hashes, conditions.as_dict())]
            values = [session.upload_id, bucket, name, *documents, None, int(time.time())]
            database.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        self.blobs.partial(session.upload_id).touch()
        return session

    def session(self, upload_id: str) -> UploadSession:
        with self._mutex:
            row = self._database.execute("SELECT * FROM sessions WHERE upload_id = ?", [upload_id]).fetchone()
        if row is None:
            raise StorageError(404, "Upload session not found.", code="NoSuchUpload")
        return to_session(row)

    def cancel_session(self, upload_id: str) -> None:
        with self._transaction() as database:
            database.execute("DELETE FROM sessions WHERE upload_id = ?", [upload_id])
        self.blobs.partial(upload_id).unlink(missing_ok=True)

    # Inside the mutex

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _bucket(self, name: str) -> Bucket:
        row = self._database.execute("SELECT * FROM buckets WHERE name = ?", [name]).fetchone()
        if row is None:
            raise no_such_bucket()
        return to_bucket(row)

    def _find(self, bucket: str, name: str) -> StoredObject | None:
        query = "SELECT * FROM objects WHERE bucket = ? AND name = ?"
        row = self._database.execute(query, [bucket, name]).fetchone()
        return to_object(row) if row is not None else None

    def _existing(self, bucket: str, name: str, generation: int | None = None) -> StoredObject:
        self._bucket(bucket)
        stored = self._find(bucket, name)
        if stored is None or generation not in (None, stored.generation):
            raise no_such_object(bucket, name)
        return stored

    def _check_write(self, bucket: str, name: str, conditions: Preconditions) -> StoredObject | None:
        self._bucket(bucket)
        stored = self._find(bucket, name)
        conditions.check_write(stored.generation if stored else 0, stored.metageneration if stored else 0)
        return stored

    def _next_generation(self) -> int:
        """Microseconds, as the real service counts, but never backwards, whatever the clock does."""
        now = time.time_ns() // 1000
        query = "UPDATE last_generation SET value = max(value + 1, ?) RETURNING value"
        return int(self._database.execute(query, [now]).fetchone()[0])

    def _sweep(self) -> None:
        with self._transaction() as database:
            database.execute("DELETE FROM sessions WHERE created < ?", [int(time.time()) - _SESSION_SECONDS])
            blob_ids = {row[0] for row in database.execute("SELECT blob_id FROM objects")}
            uploads = {row[0] for row in database.execute("SELECT upload_id FROM sessions WHERE generation IS NULL")}
        self.blobs.sweep(blob_ids, uploads)


def _columns(stored: StoredObject) -> tuple[Any, ...]:
    return tuple(vars(stored).values())


def _check_hashes(actual: Fields, expected: Mapping[str, str]) -> None:
    for name, value in expected.items():
        if actual[name] != value:
            raise invalid(f'Provided {name} hash "{value}" doesn\'t match calculated {name} hash "{actual[name]}".')
