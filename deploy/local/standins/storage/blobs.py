"""Bytes on disk: streamed in with their hashes, made durable, and published under a fresh name by one rename."""

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

_COPY_SIZE = 1 << 20


@dataclass(frozen=True)
class Blob:
    """Stored bytes: the name of their file and what the client compares them by."""

    blob_id: str
    size: int
    crc32c: str
    md5: str
    sha256: str


class Draft:
    """A file being received; nobody sees it until `Blobs.publish`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._crc32c: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.count(data)

    def count(self, data: bytes) -> None:
        self._crc32c.update(data)
        self._md5.update(data)
        self._sha256.update(data)
        self._size += len(data)

    def finish(self) -> Blob:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return Blob(
            blob_id=secrets.token_hex(16),
            size=self._size,
            crc32c=_base64(self._crc32c.digest()),
            md5=_base64(self._md5.digest()),
            sha256=self._sha256.hexdigest(),
        )

    def discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class Blobs:
    """The directory of published bytes and, beside it, the one of bytes still arriving."""

    def __init__(self, root: Path) -> None:
        self._published = root / "blobs"
        self._incoming = root / "incoming"
        for directory in (self._published, self._incoming):
            directory.mkdir(parents=True, exist_ok=True)

    def draft(self) -> Draft:
        path = self._incoming / secrets.token_hex(16)
        return Draft(path, path.open("xb"))

    def partial(self, upload_id: str) -> Path:
        """Where a resumable upload gathers its chunks."""
        return self._incoming / f"{upload_id}.partial"

    def draft_of_partial(self, upload_id: str) -> Draft:
        """Turn gathered chunks into a draft; hashed here, because a hash in progress would not survive a restart."""
        path = self.partial(upload_id)
        draft = Draft(path, path.open("r+b"))
        with path.open("rb") as source:
            while data := source.read(_COPY_SIZE):
                draft.count(data)
        return draft

    def publish(self, draft: Draft, blob: Blob) -> None:
        target = self._path(blob.blob_id)
        target.parent.mkdir(exist_ok=True)
        draft.path.rename(target)
        for directory in (target.parent, self._published):
            _sync_directory(directory)

    def open(self, blob_id: str) -> BinaryIO:
        return self._path(blob_id).open("rb")

    def remove(self, blob_id: str) -> None:
        self._path(blob_id).unlink(missing_ok=True)

    def sweep(self, kept_blobs: set[str], open_uploads: set[str]) -> None:
        """Remove what a crash left behind: files that no committed row speaks of."""
        for path in self._published.glob("*/*"):
            if path.name not in kept_blobs:
                path.unlink()
        for path in self._incoming.iterdir():
            if path.name.removesuffix(".partial") not in open_uploads:
                path.unlink()

    def _path(self, blob_id: str) -> Path:
        return self._published / blob_id[:2] / blob_id


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
