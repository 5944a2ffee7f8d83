"""The JSON interface: buckets and objects, and downloads through it."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.standins.storage.downloads import object_response
from deploy.local.standins.storage.errors import invalid
from deploy.local.standins.storage.intake import json_body
from deploy.local.standins.storage.listing import list_objects
from deploy.local.standins.storage.preconditions import Preconditions
from deploy.local.standins.storage.store import Store
from deploy.local.standins.storage.tokens import Tokens
from deploy.local.standins.storage.uploads import Uploads, base_url


class JsonApi:
    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens
        self._uploads = Uploads(store, tokens)

    def routes(self) -> list[Route]:
        upload = "/upload/storage/v1/b/{bucket}/o"
        return [
            Route("/storage/v1/b", self.list_buckets, methods=["GET"]),
            Route("/storage/v1/b", self.create_bucket, methods=["POST"]),
            Route("/storage/v1/b/{bucket}", self.get_bucket, methods=["GET"]),
            Route("/storage/v1/b/{bucket}", self.patch_bucket, methods=["PATCH"]),
            Route("/storage/v1/b/{bucket}", self.delete_bucket, methods=["DELETE"]),
            Route("/storage/v1/b/{bucket}/o", self.list_objects, methods=["GET"]),
            Route("/storage/v1/b/{bucket}/o/{name:path}", self.get_object, methods=["GET"]),
            Route("/storage/v1/b/{bucket}/o/{name:path}", self.update_object, methods=["PATCH", "PUT"]),
            Route("/storage/v1/b/{bucket}/o/{name:path}", self.delete_object, methods=["DELETE"]),
            Route("/download/storage/v1/b/{bucket}/o/{name:path}", self.download, methods=["GET"]),
            Route(upload, self._uploads.start, methods=["POST"]),
            Route(upload, self._uploads.resume, methods=["PUT"]),
            Route(upload, self._uploads.cancel, methods=["DELETE"]),
        ]

    async def list_buckets(self, request: Request) -> Response:
        self._tokens.authorize(request)
        _required(request.query_params, "project")
        prefix = request.query_params.get("prefix", "")
        items = [
            bucket.as_json(base_url(request)) for bucket in self._store.buckets() if bucket.name.startswith(prefix)
        ]
        return JSONResponse({"kind": "storage#buckets", "items": items})

    async def create_bucket(self, request: Request) -> Response:
        self._tokens.authorize(request)
        _required(request.query_params, "project")
        bucket = await run_in_threadpool(self._store.create_bucket, await json_body(request))
        return JSONResponse(bucket.as_json(base_url(request)))

    async def get_bucket(self, request: Request) -> Response:
        self._tokens.authorize(request)
        bucket = self._store.bucket(request.path_params["bucket"])
        Preconditions.from_query(request.query_params).check_read(0, bucket.metageneration)
        return JSONResponse(bucket.as_json(base_url(request)))

    async def patch_bucket(self, request: Request) -> Response:
        self._tokens.authorize(request)
        conditions = Preconditions.from_query(request.query_params)
        name = request.path_params["bucket"]
        bucket = await run_in_threadpool(self._store.patch_bucket, name, await json_body(request), conditions)
        return JSONResponse(bucket.as_json(base_url(request)))

    async def delete_bucket(self, request: Request) -> Response:
        self._tokens.authorize(request)
        conditions = Preconditions.from_query(request.query_params)
        await run_in_threadpool(self._store.delete_bucket, request.path_params["bucket"], conditions)
        return Response(status_code=204)

    async def list_objects(self, request: Request) -> Response:
        self._tokens.authorize(request)
        page = await run_in_threadpool(list_objects, self._store, request.path_params["bucket"], request.query_params)
        body: dict[str, Any] = {"kind": "storage#objects"}
        if page.items:
            body["items"] = [stored.as_json(base_url(request)) for stored in page.items]
        if page.prefixes:
            body["prefixes"] = page.prefixes
        if page.next_token:
            body["nextPageToken"] = page.next_token
        return JSONResponse(body)

    async def get_object(self, request: Request) -> Response:
        if request.query_params.get("alt") == "media":
            return await self.download(request)
        self._tokens.authorize(request)
        stored = self._store.get(*_address(request), _generation(request.query_params))
        Preconditions.from_query(request.query_params).check_read(stored.generation, stored.metageneration)
        return JSONResponse(stored.as_json(base_url(request)))

    async def download(self, request: Request) -> Response:
        self._tokens.authorize(request)
        conditions = Preconditions.from_query(request.query_params)
        stored, file = self._store.read(*_address(request), _generation(request.query_params))
        return object_response(request, stored, file, conditions)

    async def update_object(self, request: Request) -> Response:
        self._tokens.authorize(request)
        conditions = Preconditions.from_query(request.query_params)
        bucket, name = _address(request)
        body, whole = await json_body(request), request.method == "PUT"
        stored = await run_in_threadpool(self._store.update, bucket, name, body, conditions, whole=whole)
        return JSONResponse(stored.as_json(base_url(request)))

    async def delete_object(self, request: Request) -> Response:
        self._tokens.authorize(request)
        conditions = Preconditions.from_query(request.query_params)
        generation = _generation(request.query_params)
        await run_in_threadpool(self._store.delete, *_address(request), conditions, generation)
        return Response(status_code=204)


def _address(request: Request) -> tuple[str, str]:
    return request.path_params["bucket"], request.path_params["name"]


def _generation(query: Mapping[str, str]) -> int | None:
    if "generation" not in query:
        return None
    try:
        return int(query["generation"])
    except ValueError:
        raise invalid(f"Invalid value for generation: {query['generation']}") from None


def _required(query: Mapping[str, str], name: str) -> None:
    if not query.get(name):
        raise invalid(f"Required parameter: {name}")
