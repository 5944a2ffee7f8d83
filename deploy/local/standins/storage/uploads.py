"""Uploads through the JSON interface: simple media, multipart, and resumable sessions."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from deploy.local.standins.storage.blobs import Draft
from deploy.local.standins.storage.errors import StorageError, invalid
from deploy.local.standins.storage.intake import RelatedParts, json_body, receive
from deploy.local.standins.storage.preconditions import Preconditions
from deploy.local.standins.storage.resources import StoredObject, UploadSession
from deploy.local.standins.storage.store import Store
from deploy.local.standins.storage.tokens import Tokens

_GRANULE = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class Uploads:
    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens
        self._busy: set[str] = set()

    async def start(self, request: Request) -> Response:
        self._tokens.authorize(request)
        if "predefinedAcl" in request.query_params:
            message = "Cannot insert legacy ACL for an object when uniform bucket-level access is enabled."
            raise invalid(message)
        kinds = {"media": self._media, "multipart": self._multipart, "resumable": self._start_session}
        kind = request.query_params.get("uploadType", "")
        if kind not in kinds:
            raise invalid(f"Invalid upload type: {kind!r}")
        return await kinds[kind](request)

    async def resume(self, request: Request) -> Response:
        """A chunk, the last one, or a question; the session's address is its own proof of the right to write."""
        session = self._store.session(_upload_id(request))
        if session.generation is not None:
            return _created(request, self._store.get(session.bucket, session.name, session.generation))
        if session.upload_id in self._busy:
            raise StorageError(503, "Another request is writing to this upload session.")
        self._busy.add(session.upload_id)
        try:
            return await self._append(request, session)
        finally:
            self._busy.discard(session.upload_id)

    async def cancel(self, request: Request) -> Response:
        self._store.cancel_session(self._store.session(_upload_id(request)).upload_id)
        return Response(status_code=499)

    async def _media(self, request: Request) -> Response:
        draft = self._store.blobs.draft()
        try:
            await receive(request, draft)
        except BaseException:
            draft.discard()
            raise
        fields = {"contentType": request.headers.get("content-type")}
        name = request.query_params.get("name", "")
        return await self._finish(request, name, fields, draft, header_hashes(request.headers))

    async def _multipart(self, request: Request) -> Response:
        draft = self._store.blobs.draft()
        try:
            parts = RelatedParts(request, draft)
            metadata = await parts.receive()
        except BaseException:
            draft.discard()
            raise
        fields = {**metadata, "contentType": metadata.get("contentType") or parts.media_type}
        name = metadata.get("name") or request.query_params.get("name", "")
        return await self._finish(request, name, fields, draft, _metadata_hashes(metadata))

    async def _finish(
        self, request: Request, name: str, fields: Mapping[str, Any], draft: Draft, hashes: Mapping[str, str]
    ) -> Response:
        bucket, conditions = request.path_params["bucket"], Preconditions.from_query(request.query_params)
        stored = await run_in_threadpool(self._store.put, bucket, name, fields, draft, conditions, hashes)
        return _created(request, stored)

    async def _start_session(self, request: Request) -> Response:
        metadata = await json_body(request)
        bucket = request.path_params["bucket"]
        name = metadata.get("name") or request.query_params.get("name", "")
        declared = metadata.get("contentType") or request.headers.get("x-upload-content-type")
        session = await run_in_threadpool(
            self._store.start_session,
            bucket,
            name,
            {**metadata, "contentType": declared},
            _metadata_hashes(metadata),
            Preconditions.from_query(request.query_params),
        )
        location = (
            f"{base_url(request)}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session.upload_id}"
        )
        return Response(status_code=200, headers={"Location": location, "X-GUploader-UploadID": session.upload_id})

    async def _append(self, request: Request, session: UploadSession) -> Response:
        partial = self._store.blobs.partial(session.upload_id)
        partial.touch()
        received = partial.stat().st_size
        first, last, total = _content_range(request, received)
        if first is None:
            return (
                _incomplete(received) if total is None or received < total else await self._complete(request, session)
            )
        if first > received:
            message = (
                f"Invalid request. According to the Content-Range header, the upload offset is {first} byte(s), "
                f"which exceeds already uploaded size of {received} byte(s)."
            )
            raise StorageError(503, message)
        final = last is None or last + 1 == total
        expected = None if last is None else last + 1 - first
        if not final and expected is not None and expected % _GRANULE:
            raise invalid(
                "Invalid request. The size of a chunk that is not the last must be a multiple of 262144 bytes."
            )
        await _append_chunk(request, partial, received - first, expected)
        return await self._complete(request, session) if final else _incomplete(partial.stat().st_size)

    async def _complete(self, request: Request, session: UploadSession) -> Response:
        hashes = {**session.hashes, **header_hashes(request.headers)}
        draft = await run_in_threadpool(self._store.blobs.draft_of_partial, session.upload_id)
        try:
            stored = await run_in_threadpool(
                self._store.put,
                session.bucket,
                session.name,
                session.fields,
                draft,
                session.conditions,
                hashes,
                session.upload_id,
            )
        except StorageError:
            # The bytes were refused as a whole; there is nothing in this session left to resume.
            self._store.cancel_session(session.upload_id)
            raise
        return _created(request, stored)


def base_url(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def header_hashes(headers: Mapping[str, str]) -> dict[str, str]:
    """Hashes of the whole object that the caller vouches for in X-Goog-Hash."""
    names = {"crc32c": "crc32c", "md5": "md5Hash"}
    found = {}
    for entry in headers.get("x-goog-hash", "").split(","):
        kind, _, value = entry.strip().partition("=")
        if kind in names:
            found[names[kind]] = value
    return found


def _metadata_hashes(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(metadata[name]) for name in ("crc32c", "md5Hash") if metadata.get(name)}


def _upload_id(request: Request) -> str:
    return str(request.query_params.get("upload_id", ""))


def _content_range(request: Request, received: int) -> tuple[int | None, int | None, int | None]:
    """First byte, last byte, total; no header at all means the whole object, no first byte means a question."""
    text = request.headers.get("content-range")
    if text is None:
        return 0, None, None
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if not match:
        raise invalid(f"Failed to parse Content-Range header: {text}")
    first, last, total = (int(part) if part and part != "*" else None for part in match.groups())
    if first is not None and last is not None and (last < first or (total is not None and last >= total)):
        raise invalid(f"Failed to parse Content-Range header: {text}")
    if total is not None and total < received:
        raise invalid(f"Invalid request. {received} bytes are uploaded already, more than the total of {total}.")
    return first, last, total


async def _append_chunk(request: Request, partial: Path, known: int, expected: int | None) -> None:
    """Append what is new of a chunk, durably; of one that breaks off, only whole granules are kept."""
    seen = 0
    with partial.open("ab") as file:
        try:
            async for data in request.stream():
                fresh = data[max(known - seen, 0) :]
                seen += len(data)
                if expected is not None and seen > expected:
                    raise invalid("Invalid request. The body is longer than the Content-Range header says.")
                await run_in_threadpool(file.write, fresh)
            if expected is not None and seen < expected:
                raise invalid("Invalid request. The body is shorter than the Content-Range header says.")
        except (ClientDisconnect, StorageError):
            file.flush()
            file.truncate(file.tell() // _GRANULE * _GRANULE)
            raise
        file.flush()
        await run_in_threadpool(os.fsync, file.fileno())


def _created(request: Request, stored: StoredObject) -> Response:
    return JSONResponse(stored.as_json(base_url(request)))


def _incomplete(received: int) -> Response:
    headers = {"Range": f"bytes=0-{received - 1}"} if received else {}
    return Response(status_code=308, headers=headers)
