"""Request bodies as they stream in: raw bytes, or the two parts of multipart/related (metadata, then media)."""

import json
from collections.abc import Mapping
from email.message import Message
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from deploy.local.standins.storage.blobs import Draft
from deploy.local.standins.storage.errors import invalid

_LARGEST_METADATA = 1 << 20


async def json_body(request: Request) -> dict[str, Any]:
    return parse_metadata(await request.body())


def parse_metadata(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("Parse Error")
    return body


async def receive(request: Request, draft: Draft) -> None:
    async for chunk in request.stream():
        if chunk:
            await run_in_threadpool(draft.write, chunk)


class RelatedParts:
    """Receives multipart/related: a JSON part kept in memory, then a media part written to the draft as it comes."""

    def __init__(self, request: Request, draft: Draft) -> None:
        self._request = request
        self._draft = draft
        self._part = 0
        self._header = ("", "")
        self._metadata = bytearray()
        self._complete = False
        self.media_type: str | None = None
        callbacks: Any = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(_boundary(request.headers), callbacks)

    async def receive(self) -> dict[str, Any]:
        try:
            async for chunk in self._request.stream():
                if chunk:
                    await run_in_threadpool(self._parser.write, chunk)
        except MultipartParseError as fault:
            raise invalid(f"Malformed multipart body: {fault}") from None
        if not self._complete or self._part != 2:
            raise invalid("Malformed multipart body: a metadata part and a media part are expected")
        return parse_metadata(bytes(self._metadata))

    def _on_part_begin(self) -> None:
        self._part += 1

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end].decode("latin-1"), "")

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end].decode("latin-1"))

    def _on_header_end(self) -> None:
        name, value = self._header
        if self._part == 2 and name.lower() == "content-type":
            self.media_type = value.strip()
        self._header = ("", "")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == 2:
            self._draft.write(data[start:end])
            return
        self._metadata += data[start:end]
        if len(self._metadata) > _LARGEST_METADATA:
            raise invalid("Metadata part is too large.")

    def _on_end(self) -> None:
        self._complete = True


def _boundary(headers: Mapping[str, str]) -> bytes:
    parsed = Message()
    parsed["content-type"] = headers.get("content-type", "")
    boundary = parsed.get_boundary()
    if parsed.get_content_type() != "multipart/related" or not boundary:
        raise invalid("Content-Type must be multipart/related with a boundary")
    return boundary.encode("latin-1")
