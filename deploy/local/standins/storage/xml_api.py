"""The XML interface at /bucket/object: what signed URLs address."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.local.standins.storage.accounts import Account
from deploy.local.standins.storage.downloads import bytes_hex, object_response
from deploy.local.standins.storage.errors import StorageError, invalid
from deploy.local.standins.storage.intake import receive
from deploy.local.standins.storage.preconditions import Preconditions
from deploy.local.standins.storage.resources import Fields, check_object_name
from deploy.local.standins.storage.signatures import SignedRequest, is_signed, verify
from deploy.local.standins.storage.store import Store
from deploy.local.standins.storage.tokens import Tokens
from deploy.local.standins.storage.uploads import header_hashes

_OVERRIDES = {"response-content-disposition": "Content-Disposition", "response-content-type": "Content-Type"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_META = "x-goog-meta-"
_FIELD_HEADERS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
}


class XmlApi:
    def __init__(
        self, store: Store, tokens: Tokens, account: Account, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._keys = {account.email: account.public_key}
        self._now = now

    def routes(self) -> list[Route]:
        path = "/{bucket}/{name:path}"
        return [
            Route(path, self.get_object, methods=["GET", "HEAD"]),
            Route(path, self.put_object, methods=["PUT"]),
            Route(path, self.delete_object, methods=["DELETE"]),
        ]

    async def get_object(self, request: Request) -> Response:
        self._authorize(request)
        bucket, name = _address(request)
        conditions = Preconditions.from_headers(request.headers)
        overrides = {
            header: _override(request, name) for name, header in _OVERRIDES.items() if name in request.query_params
        }
        stored, file = self._store.read(bucket, name)
        return object_response(request, stored, file, conditions, overrides)

    async def put_object(self, request: Request) -> Response:
        self._authorize(request)
        bucket, name = _address(request)
        self._store.bucket(bucket)
        hashes = {**header_hashes(request.headers), **_body_hashes(request)}
        draft = self._store.blobs.draft()
        try:
            await receive(request, draft)
        except BaseException:
            draft.discard()
            raise
        conditions = Preconditions.from_headers(request.headers)
        stored = await run_in_threadpool(self._store.put, bucket, name, _fields(request), draft, conditions, hashes)
        headers = {
            "ETag": f'"{bytes_hex(stored.md5)}"',
            "X-Goog-Generation": str(stored.generation),
            "X-Goog-Metageneration": str(stored.metageneration),
            "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
        }
        return Response(status_code=200, headers=headers)

    async def delete_object(self, request: Request) -> Response:
        self._authorize(request)
        conditions = Preconditions.from_headers(request.headers)
        await run_in_threadpool(self._store.delete, *_address(request), conditions)
        return Response(status_code=204)

    def _authorize(self, request: Request) -> None:
        query = request.url.query
        if is_signed(query):
            raw_path = request.scope["raw_path"].decode("latin-1")
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
            verify(SignedRequest(request.method, raw_path, query, headers), self._keys, self._now())
        elif "authorization" in request.headers:
            self._tokens.authorize(request)
        else:
            bucket, name = _address(request)
            message = f"Anonymous caller does not have access to the Google Cloud Storage object {bucket}/{name}."
            raise StorageError(403, "Access denied.", details={"Details": message})


def _address(request: Request) -> tuple[str, str]:
    """From the raw path, so that what was signed is what is served, whatever the router made of it."""
    bucket, _, name = request.scope["raw_path"].decode("latin-1").lstrip("/").partition("/")
    try:
        return unquote(bucket), check_object_name(unquote(name, errors="strict"))
    except UnicodeDecodeError:
        raise invalid("Invalid argument: the object name is not valid UTF-8") from None


def _override(request: Request, name: str) -> str:
    value = request.query_params[name]
    if _UNPRINTABLE.search(value):
        raise invalid(f"Invalid argument: {name}")
    return value


def _fields(request: Request) -> Fields:
    fields: Fields = {
        field: request.headers[header] for header, field in _FIELD_HEADERS.items() if header in request.headers
    }
    metadata = {name[len(_META) :]: value for name, value in request.headers.items() if name.startswith(_META)}
    return {**fields, "metadata": metadata} if metadata else fields


def _body_hashes(request: Request) -> dict[str, str]:
    """Hashes of the body that the request's own headers promise."""
    names = {"content-md5": "md5Hash", "x-goog-content-sha256": "sha256"}
    promised = {field: request.headers[header] for header, field in names.items() if header in request.headers}
    if promised.get("sha256") == "UNSIGNED-PAYLOAD":
        del promised["sha256"]
    return promised
