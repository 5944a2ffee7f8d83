"""An object's bytes as an HTTP response: whole or one range, conditional, with the headers clients check them by."""

import base64
import re
from collections.abc import AsyncIterator, Mapping
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from deploy.local.standins.storage.errors import NotModified, StorageError
from deploy.local.standins.storage.preconditions import Preconditions
from deploy.local.standins.storage.resources import StoredObject

_CHUNK = 1 << 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def object_response(
    request: Request,
    stored: StoredObject,
    file: BinaryIO,
    conditions: Preconditions,
    overrides: Mapping[str, str] | None = None,
) -> Response:
    try:
        conditions.check_read(stored.generation, stored.metageneration)
        headers = {**_headers(stored), **(overrides or {})}
        _check_not_held(request.headers.get("if-none-match", ""), headers["ETag"])
        span = _requested_range(request.headers.get("range", ""), stored.size)
    except BaseException:
        file.close()
        raise
    first, last = span or (0, stored.size - 1)
    status = 206 if span else 200
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{stored.size}"
    headers["Content-Length"] = str(last - first + 1)
    # Starlette writes headers as Latin-1; stored values may hold any character and travel as UTF-8.
    encoded = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=encoded)
    return StreamingResponse(_stream(file, first, last - first + 1), status, headers=encoded)


def _headers(stored: StoredObject) -> dict[str, str]:
    headers = {
        "Content-Type": stored.content_type,
        "Cache-Control": stored.fields.get("cacheControl", "private, max-age=0"),
        "ETag": f'"{bytes_hex(stored.md5)}"',
        "Accept-Ranges": "bytes",
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
        "X-Goog-Storage-Class": stored.fields.get("storageClass", "STANDARD"),
        "X-Goog-Stored-Content-Encoding": stored.fields.get("contentEncoding", "identity"),
        "X-Goog-Stored-Content-Length": str(stored.size),
    }
    for field, header in (
        ("contentDisposition", "Content-Disposition"),
        ("contentEncoding", "Content-Encoding"),
        ("contentLanguage", "Content-Language"),
    ):
        if field in stored.fields:
            headers[header] = stored.fields[field]
    for name, value in stored.fields.get("metadata", {}).items():
        if re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            headers[f"X-Goog-Meta-{name}"] = value
    return headers


def _check_not_held(if_none_match: str, etag: str) -> None:
    held = {entry.strip() for entry in if_none_match.split(",")}
    if held & {"*", etag}:
        raise NotModified


def _requested_range(text: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a satisfiable single range; anything that is not one byte range is ignored."""
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if not match or match.groups() == ("", ""):
        return None
    start, end = match.groups()
    first = int(start) if start else max(size - int(end), 0)
    last = min(int(end), size - 1) if start and end else size - 1
    if start and end and int(end) < int(start):
        return None
    if first >= size or (not start and int(end) == 0):
        raise StorageError(
            416, "The requested range cannot be satisfied.", headers={"Content-Range": f"bytes */{size}"}
        )
    return first, last


async def _stream(file: BinaryIO, offset: int, length: int) -> AsyncIterator[bytes]:
    with file:
        await run_in_threadpool(file.seek, offset)
        while length > 0 and (chunk := await run_in_threadpool(file.read, min(_CHUNK, length))):
            length -= len(chunk)
            yield chunk


def bytes_hex(encoded: str) -> str:
    """A base64 digest in the hexadecimal form ETags use."""
    return base64.b64decode(encoded).hex()
