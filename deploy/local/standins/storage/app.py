"""The stand-in put together: token endpoint, JSON interface, XML interface, and their ways of refusing."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.local.standins.storage.accounts import Account
from deploy.local.standins.storage.errors import NotModified, StorageError
from deploy.local.standins.storage.json_api import JsonApi
from deploy.local.standins.storage.store import Store
from deploy.local.standins.storage.tokens import Tokens
from deploy.local.standins.storage.xml_api import XmlApi

# First path segments of the JSON interface; everything else is a bucket of the XML interface.
_JSON_ROOTS = {"batch", "download", "storage", "token", "upload"}

_METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"]


def build(store: Store, tokens: Tokens, account: Account) -> Starlette:
    routes = [
        Route("/token", tokens.endpoint, methods=["POST"]),
        *JsonApi(store, tokens).routes(),
        *(Route(f"/{root}/{{rest:path}}", _not_served, methods=_METHODS) for root in sorted(_JSON_ROOTS)),
        *XmlApi(store, tokens, account).routes(),
    ]
    handlers = {StorageError: _refuse, HTTPException: _refuse_unrouted, NotModified: _not_modified}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


async def _not_served(request: Request) -> Response:
    """Nothing the client library asks for may look like a bucket's name, or fail without saying whose limit it met."""
    raise StorageError(501, f"The local storage stand-in does not serve {request.method} {request.url.path}.")


async def _refuse(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, StorageError)
    root = request.url.path.lstrip("/").partition("/")[0]
    return fault.as_json() if root in _JSON_ROOTS else fault.as_xml()


async def _refuse_unrouted(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    return await _refuse(request, StorageError(fault.status_code, fault.detail, headers=dict(fault.headers or {})))


async def _not_modified(request: Request, fault: Exception) -> Response:
    return Response(status_code=304)
