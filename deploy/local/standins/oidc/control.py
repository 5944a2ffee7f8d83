"""The control API: what a test or a demo may do that no client and no person can."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.standins.oidc.clients import BadClient, Clients, new_secret
from deploy.local.standins.oidc.clock import Clock
from deploy.local.standins.oidc.faults import BadFault, Faults
from deploy.local.standins.oidc.identities import BadIdentity, Identities, Identity
from deploy.local.standins.oidc.keys import KeyRing
from deploy.local.standins.oidc.refusals import Untrusted
from deploy.local.standins.oidc.sign_in import Opened, SignIn
from deploy.local.standins.oidc.tokens import Tokens

Json = dict[str, Any]
Handler = Callable[[Request, Json], Response]
_TEN_YEARS = 10 * 366 * 24 * 3600


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    def __init__(
        self,
        clients: Clients,
        identities: Identities,
        tokens: Tokens,
        sign_in: SignIn,
        keys: KeyRing,
        faults: Faults,
        clock: Clock,
    ) -> None:
        self._clients, self._identities, self._tokens, self._sign_in = clients, identities, tokens, sign_in
        self._keys, self._faults, self._clock = keys, faults, clock

    def routes(self) -> list[Route]:
        identity = "/_control/identities/{sub}"
        return [
            _route("/_control/authorize", "POST", self.authorize),
            _route("/_control/identities", "GET", self.list_identities),
            _route("/_control/identities", "POST", self.add_identity),
            _route(identity, "PATCH", self.change_identity),
            _route(identity, "DELETE", self.remove_identity),
            _route(f"{identity}/disconnect", "POST", self.disconnect),
            _route("/_control/clients", "POST", self.register_client),
            _route("/_control/keys", "GET", self.list_keys),
            _route("/_control/keys/announce", "POST", self.announce_key),
            _route("/_control/keys/rotate", "POST", self.rotate_keys),
            _route("/_control/faults", "GET", self.list_faults),
            _route("/_control/faults", "POST", self.add_fault),
            _route("/_control/faults", "DELETE", self.clear_faults),
            _route("/_control/clock", "POST", self.set_clock),
        ]

    def authorize(self, _: Request, body: Json) -> Response:
        """What the browser and the person in front of it would do with an authorization request."""
        query, who = body.get("query"), body.get("identity")
        if not isinstance(query, str) or not (who is None or isinstance(who, dict)):
            raise Refused(400, "query is a text, identity an object or null (cancel)")
        try:
            outcome = self._sign_in.open(query.partition("?")[2] if query.startswith("http") else query)
            if isinstance(outcome, Opened):
                person = None if who is None else self._identities.meet(who)
                outcome = self._sign_in.cancel(outcome) if person is None else self._sign_in.accept(outcome, person)
        except Untrusted as refusal:
            return JSONResponse({"error": refusal.error, "error_description": refusal.description}, 400)
        return JSONResponse({"location": outcome.location})

    def list_identities(self, _: Request, __: Json) -> Response:
        return JSONResponse({"identities": [asdict(one) for one in self._identities.listed()]})

    def add_identity(self, _: Request, body: Json) -> Response:
        return JSONResponse(asdict(self._identities.add(body)), 201)

    def change_identity(self, request: Request, body: Json) -> Response:
        return JSONResponse(asdict(self._identities.change(self._named(request), body)))

    def remove_identity(self, request: Request, _: Json) -> Response:
        self._identities.remove(self._named(request).sub)
        return JSONResponse({})

    def disconnect(self, request: Request, body: Json) -> Response:
        """The person takes back the consent, on the provider's own page."""
        self._tokens.disconnect(self._named(request).sub, _text(body, "client_id"))
        return JSONResponse({})

    def _named(self, request: Request) -> Identity:
        identity = self._identities.find(request.path_params["sub"])
        if identity is None:
            raise Refused(404, "no such identity")
        return identity

    def register_client(self, _: Request, body: Json) -> Response:
        uris = body.get("redirect_uris")
        if not isinstance(uris, list) or not uris or not all(isinstance(uri, str) for uri in uris):
            raise Refused(400, "redirect_uris is a list of URIs")
        client_id, secret = _text(body, "client_id"), new_secret()
        self._clients.register(client_id, secret, tuple(uris))
        return JSONResponse({"client_id": client_id, "client_secret": secret, "redirect_uris": uris}, 201)

    def list_keys(self, _: Request, __: Json) -> Response:
        return JSONResponse({"signing": self._keys.signing.kid, "kids": self._keys.kids()})

    def announce_key(self, request: Request, body: Json) -> Response:
        self._keys.announce()
        return self.list_keys(request, body)

    def rotate_keys(self, request: Request, body: Json) -> Response:
        self._keys.rotate()
        return self.list_keys(request, body)

    def list_faults(self, _: Request, __: Json) -> Response:
        return JSONResponse({"faults": self._faults.listed()})

    def add_fault(self, _: Request, body: Json) -> Response:
        return JSONResponse({"id": self._faults.add(body).id}, 201)

    def clear_faults(self, request: Request, body: Json) -> Response:
        self._faults.clear()
        return self.list_faults(request, body)

    def set_clock(self, _: Request, body: Json) -> Response:
        offset = body.get("offset_seconds")
        if isinstance(offset, bool) or not isinstance(offset, int | float) or not 0 <= offset <= _TEN_YEARS:
            raise Refused(400, "offset_seconds is how far ahead of the true time to be, at most ten years")
        self._clock.offset = float(offset)
        return JSONResponse({"now": self._clock.now(), "offset_seconds": self._clock.offset})


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"{name} is missing")
    return value


def _route(path: str, method: str, handle: Handler) -> Route:
    async def serve(request: Request) -> Response:
        try:
            return handle(request, await _body(request))
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, refused.status)
        except (BadClient, BadFault, BadIdentity) as problem:
            return JSONResponse({"error": str(problem)}, 400)

    return Route(path, serve, methods=[method])


async def _body(request: Request) -> Json:
    raw = await request.body()
    if request.method == "GET" or not raw:
        return {}
    # A page of another site can send no JSON without asking first.
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(415, "send JSON, as application/json")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, "that is no JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "send a JSON object")
    return body
