"""The control API of the stand-in: faults, time, paying without a page, and a look at the deliveries."""

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.standins.stripe.checkout import AuthenticationRequired, Closed, Declined, Entry, Outcome, Paid
from deploy.local.standins.stripe.desk import Desk, Timers
from deploy.local.standins.stripe.errors import Json
from deploy.local.standins.stripe.faults import BadFault
from deploy.local.standins.stripe.hosted import Hosted

_TEN_YEARS = 10 * 366 * 86_400

Handler = Callable[[Request, Json], Response]


class Refused(Exception):
    """A control request that cannot be done."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """Everything under `/_control`; bodies are JSON, which a form on a foreign web page cannot send."""

    def __init__(self, desk: Desk, hosted: Hosted, timers: Timers) -> None:
        self._desk = desk
        self._hosted = hosted
        self._timers = timers

    def routes(self) -> list[Route]:
        return [
            _route("/_control/faults", "POST", self.add_fault),
            _route("/_control/faults", "GET", self.list_faults),
            _route("/_control/faults", "DELETE", self.clear_faults),
            _route("/_control/clock", "GET", self.read_clock),
            _route("/_control/clock", "POST", self.advance_clock),
            _route("/_control/sessions/{id}/pay", "POST", self.pay),
            _route("/_control/sessions/{id}/authenticate", "POST", self.authenticate),
            _route("/_control/deliveries", "GET", self.list_deliveries),
            _route("/_control/events/{id}/resend", "POST", self.resend),
        ]

    def add_fault(self, _: Request, body: Json) -> Response:
        try:
            fault = self._desk.faults.add(body)
        except BadFault as error:
            raise Refused(400, str(error)) from error
        return JSONResponse({"id": fault.id}, 201)

    def list_faults(self, _: Request, __: Json) -> Response:
        return JSONResponse({"faults": self._desk.faults.listed()})

    def clear_faults(self, _: Request, __: Json) -> Response:
        self._desk.faults.clear()
        return JSONResponse({"faults": []})

    def read_clock(self, _: Request, __: Json) -> Response:
        clock = self._desk.clock
        return JSONResponse({"now": clock.now(), "advanced_seconds": clock.offset})

    def advance_clock(self, request: Request, body: Json) -> Response:
        seconds = body.get("advance_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _TEN_YEARS:
            raise Refused(400, "advance_seconds must be a number of at most ten years, and time goes forward only")
        self._desk.clock.advance(seconds)
        with self._desk.store.transaction():
            self._desk.store.set_setting("clock_offset", repr(self._desk.clock.offset))
        # What falls due in the time skipped has happened when this is answered.
        self._timers.run_due()
        self._desk.worked()
        return self.read_clock(request, body)

    def pay(self, request: Request, body: Json) -> Response:
        sent = {name: str(body.get(name) or "").strip() for name in ("card", "email", "name")}
        entry = Entry(sent["card"], sent["email"] or None, sent["name"] or None)
        session_id = request.path_params["id"]
        outcome = self._hosted.pay_session(session_id, entry)
        if isinstance(outcome, AuthenticationRequired) and "authenticate" in body:
            outcome = self._hosted.authenticate_session(session_id, body["authenticate"] == "approve")
        return _told(outcome)

    def authenticate(self, request: Request, body: Json) -> Response:
        if body.get("decision") not in ("approve", "fail"):
            raise Refused(400, "decision must be approve or fail")
        return _told(self._hosted.authenticate_session(request.path_params["id"], body["decision"] == "approve"))

    def list_deliveries(self, request: Request, _: Json) -> Response:
        rows = self._desk.store.sql.execute(
            "SELECT d.id, d.event, json_extract(o.body, '$.type') AS type, d.endpoint, d.state, d.attempts, d.outcome "
            "FROM deliveries d JOIN objects o ON o.id = d.event WHERE ? IS NULL OR d.state = ? ORDER BY d.id",
            (request.query_params.get("state"),) * 2,
        )
        return JSONResponse({"deliveries": [dict(row) for row in rows]})

    def resend(self, request: Request, _: Json) -> Response:
        with self._desk.store.transaction():
            call = self._desk.call()
            event = call.find("event", request.path_params["id"])
            if event is None:
                raise Refused(404, "no such event")
            for endpoint in call.store.where("webhook_endpoint", status="enabled"):
                call.owe(event["id"], endpoint["id"])
        self._desk.worked()
        return JSONResponse({"resent": event["id"]}, 202)


def _told(outcome: Outcome | None) -> Response:
    match outcome:
        case Paid(redirect):
            return JSONResponse({"outcome": "paid", "redirect": redirect})
        case AuthenticationRequired(url):
            return JSONResponse({"outcome": "authentication_required", "url": url})
        case Declined(code, decline_code, message):
            body = {"outcome": "declined", "code": code, "decline_code": decline_code, "message": message}
            return JSONResponse(body, 402)
        case Closed(status):
            return JSONResponse({"outcome": "closed", "status": status}, 409)
    raise Refused(404, "no such session, or nothing to authenticate")


def _route(path: str, method: str, handle: Handler) -> Route:
    return Route(path, _served(handle), methods=[method])


def _served(handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            return handle(request, await _body(request))
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, refused.status)

    return serve


async def _body(request: Request) -> Json:
    if request.method != "POST":
        return {}
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(415, "send JSON, as application/json")
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise Refused(400, "that is no JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "send a JSON object")
    return body
