"""The provider put together: pages, endpoints and control over one store, and the faults of calls."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from deploy.local.standins.oidc.clients import Clients
from deploy.local.standins.oidc.clock import Clock
from deploy.local.standins.oidc.codes import Codes
from deploy.local.standins.oidc.control import Control
from deploy.local.standins.oidc.endpoints import Documents, TokenEndpoint
from deploy.local.standins.oidc.faults import Faults
from deploy.local.standins.oidc.id_tokens import IdTokens
from deploy.local.standins.oidc.identities import Identities
from deploy.local.standins.oidc.keys import KeyRing
from deploy.local.standins.oidc.picker import Picker
from deploy.local.standins.oidc.pictures import Pictures
from deploy.local.standins.oidc.refusals import OAuthError
from deploy.local.standins.oidc.sign_in import SignIn
from deploy.local.standins.oidc.store import Store
from deploy.local.standins.oidc.tokens import Tokens
from deploy.local.standins.stripe.connections import Connections, HangUp

Endpoint = Callable[[Request], Awaitable[Response]]
_DELAY_SECONDS = 5


@dataclass(frozen=True)
class Settings:
    """What the command line says."""

    state_dir: Path
    issuer: str
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]


def build(settings: Settings, connections: Connections, store: Store) -> Starlette:
    clock, faults, issuer = Clock(), Faults(), settings.issuer
    clients, identities, keys = Clients(store), Identities(store), KeyRing(store)
    clients.register(settings.client_id, settings.client_secret, settings.redirect_uris)
    codes, tokens = Codes(store, clock), Tokens(store, clock)
    sign_in = SignIn(issuer, clients, identities, codes, tokens, faults)
    endpoint = TokenEndpoint(clients, identities, codes, tokens, IdTokens(issuer, keys, clock, faults))
    documents = Documents(issuer, keys, identities, tokens, faults)
    calls: tuple[tuple[str, str, Endpoint], ...] = (
        ("/token", "POST", endpoint.token),
        ("/revoke", "POST", endpoint.revoke),
        ("/v1/userinfo", "GET", documents.userinfo),
        ("/v1/userinfo", "POST", documents.userinfo),
        ("/oauth2/v3/certs", "GET", documents.keys),
        ("/.well-known/openid-configuration", "GET", documents.discovery),
    )
    app = Starlette(
        routes=[
            *(Route(path, _faulty(faults, connections, call), methods=[method]) for path, method, call in calls),
            *Picker(sign_in, identities).routes(),
            Route("/a/{sub}", Pictures(identities).show, methods=["GET"]),
            *Control(clients, identities, tokens, sign_in, keys, faults, clock).routes(),
        ],
        exception_handlers={OAuthError: _refuse},
    )
    app.router.redirect_slashes = False
    return app


def _faulty(faults: Faults, connections: Connections, endpoint: Endpoint) -> Endpoint:
    async def serve(request: Request) -> Response:
        path = request.url.path
        if fault := faults.take("delay", path):
            await asyncio.sleep(fault.lasting(_DELAY_SECONDS))
        if faults.take("server_error", path):
            return JSONResponse({"error": "internal_failure"}, 500)
        if faults.take("garbage", path):
            return HTMLResponse("<!doctype html><title>Sorry</title>")
        lost = faults.take("drop_reply", path)
        response = await endpoint(request)
        return response if lost is None else HangUp(connections)

    return serve


async def _refuse(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, OAuthError)
    return fault.response()
