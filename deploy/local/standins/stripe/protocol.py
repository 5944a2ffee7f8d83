"""The protocol around every API call: key check, form bodies, idempotency, transaction, expansion, errors, faults."""

import asyncio
import base64
import binascii
import hmac
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from deploy.local.standins.stripe import forms, ids
from deploy.local.standins.stripe.call import API_VERSION, Call
from deploy.local.standins.stripe.connections import Connections, HangUp
from deploy.local.standins.stripe.desk import Desk
from deploy.local.standins.stripe.errors import CardDeclined, InvalidParameters, InvalidRequest, Json, StripeError
from deploy.local.standins.stripe.expand import Expander
from deploy.local.standins.stripe.faults import Fault
from deploy.local.standins.stripe.forms import Tree
from deploy.local.standins.stripe.idempotency import Keys, Remembered
from deploy.local.standins.stripe.operations import Operation
from deploy.local.standins.stripe.params import read_params

log = logging.getLogger(__name__)

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")


class ReplyDropped(Exception):
    """The call is done and the caller shall not hear of it."""


@dataclass(frozen=True)
class Incoming:
    """What is known of a call before it is carried out."""

    request: Request
    request_id: str
    key: str | None
    tree: Tree

    @property
    def target(self) -> str:
        return f"{self.request.method} {self.request.url.path}"


class Protocol:
    """Carries out operations as Stripe's front door does."""

    def __init__(self, desk: Desk, expander: Expander, connections: Connections, api_key: str) -> None:
        self._desk = desk
        self._store = desk.store
        self._expander = expander
        self._connections = connections
        self._api_key = api_key
        self._keys = Keys(desk.store, desk.clock)

    def endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            return await self.guarded(request, lambda request_id: self._respond(request, request_id, operation))

        return serve

    async def guarded(self, request: Request, run: Callable[[str], Awaitable[Response]]) -> Response:
        """Whatever happens is answered in Stripe's shape, with the headers that every answer carries."""
        request_id = ids.new_request_id()
        try:
            response = await run(request_id)
        except StripeError as error:
            response = _answer(error.status, _text(error.body(request_id)), error.headers)
        except ReplyDropped:
            return HangUp(self._connections)
        except Exception:
            log.exception("call %s failed", request.url.path)
            response = _answer(500, _text(_broken().body(request_id)), {})
        response.headers["Request-Id"] = request_id
        response.headers["Stripe-Version"] = request.headers.get("stripe-version", API_VERSION)
        return response

    async def unrecognized(self, request: Request) -> Response:
        async def refuse(_: str) -> Response:
            self.authenticate(request)
            raise InvalidRequest(f"Unrecognized request URL ({request.method}: {request.url.path}).", status=404)

        return await self.guarded(request, refuse)

    def authenticate(self, request: Request) -> None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        key = _basic_user(credentials) if scheme.lower() == "basic" else credentials.strip()
        challenge = {"WWW-Authenticate": 'Basic realm="Stripe"'}
        if not key:
            raise StripeError(
                401,
                "invalid_request_error",
                "You did not provide an API key. You need to provide your API key in the Authorization header, using "
                "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
                headers=challenge,
            )
        if not hmac.compare_digest(key.encode(), self._api_key.encode()):
            shown = f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
            raise StripeError(401, "invalid_request_error", f"Invalid API Key provided: {shown}", headers=challenge)

    def _check_headers(self, request: Request) -> None:
        self.authenticate(request)
        version = request.headers.get("stripe-version", API_VERSION)
        if not _VERSION.fullmatch(version):
            raise InvalidRequest(f"Invalid Stripe API version: {version}")
        account = request.headers.get("stripe-account")
        if account is not None:
            raise InvalidRequest(
                f"The provided key does not have access to account '{account}' (or that account does not exist). "
                "Application access may have been revoked.",
                code="account_invalid",
                status=403,
            )

    async def _respond(self, request: Request, request_id: str, operation: Operation) -> Response:
        self._check_headers(request)
        tree = await _read(request)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        incoming = Incoming(request, request_id, key, tree)
        if key is None:
            return await self._attempt(incoming, operation)
        self._keys.claim(key)
        try:
            return await self._attempt(incoming, operation)
        finally:
            self._keys.release(key)

    async def _attempt(self, incoming: Incoming, operation: Operation) -> Response:
        delay = self._fault("delay", incoming)
        if delay is not None:
            await asyncio.sleep(delay.lasting(1.0))
        if self._fault("rate_limit", incoming) is not None:
            raise StripeError(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit")
        replayed = False
        with self._store.transaction():
            answer = self._recalled(incoming)
            if answer is None:
                answer = self._carry_out(incoming, operation)
            else:
                replayed = True
        self._desk.worked()
        if self._fault("drop_reply", incoming) is not None:
            raise ReplyDropped
        headers = {"Idempotency-Key": incoming.key} if incoming.key else {}
        if answer.status >= 500 and incoming.key:
            # Asking again under the same key brings the same answer.
            headers["Stripe-Should-Retry"] = "false"
        if replayed:
            headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
        return _answer(answer.status, answer.body, headers)

    def _fault(self, kind: str, incoming: Incoming) -> Fault | None:
        return self._desk.faults.of_call(kind, incoming.request.method, incoming.request.url.path)

    def _recalled(self, incoming: Incoming) -> Remembered | None:
        if incoming.key is None:
            return None
        return self._keys.recall(incoming.key, incoming.target, incoming.tree)

    def _carry_out(self, incoming: Incoming, operation: Operation) -> Remembered:
        values = read_params(incoming.tree, operation.fields)
        call = self._desk.call(incoming.request_id, incoming.key, dict(incoming.request.path_params))
        fault = self._fault("server_error", incoming)
        status = 200
        body: Json = {}
        try:
            if fault is not None and not fault.after_commit:
                raise _broken()
            with self._store.undo_on_error(CardDeclined):
                body = self._run(call, operation, values)
            if fault is not None:
                raise _broken()
        except InvalidParameters:
            raise
        except StripeError as error:
            status, body = error.status, error.body(incoming.request_id)
        answer = Remembered(status, _text(body), incoming.request_id)
        if incoming.key is not None:
            self._keys.remember(incoming.key, incoming.target, incoming.tree, answer)
        return answer

    def _run(self, call: Call, operation: Operation, values: Json) -> Json:
        paths = values.pop("expand", [])
        return self._expander.expanded(call, operation.run(call, values), paths)


def _broken() -> StripeError:
    return StripeError(500, "api_error", "An unknown error occurred.")


def _basic_user(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _read(request: Request) -> Tree:
    if request.method != "POST":
        return _decode(request.url.query)
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/x-www-form-urlencoded":
        raise InvalidRequest(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded)."
        )
    try:
        return _decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidRequest("Invalid UTF-8 in request body.") from error


def _decode(text: str) -> Tree:
    try:
        return forms.decode(text)
    except ValueError as error:
        raise InvalidRequest("Invalid form encoding.") from error


def _text(body: Json) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


def _answer(status: int, body: str, headers: dict[str, str]) -> Response:
    return Response(body, status, {**headers, "Cache-Control": "no-cache, no-store"}, "application/json")
