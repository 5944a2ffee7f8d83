"""The pages a customer sees: the checkout, and the bank's question; plain HTML forms that need no script."""

from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from deploy.local.standins.stripe import checkout, ids, money, payments
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.checkout import AuthenticationRequired, Closed, Declined, Entry, Outcome, Paid
from deploy.local.standins.stripe.desk import Desk
from deploy.local.standins.stripe.errors import CardDeclined, Json

_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)
_PAGES.filters["money"] = money.shown


class Hosted:
    """Serves `/c/pay/{session}`, `/3ds/{client secret}` and receipts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            Route("/c/pay/{id}", self.checkout_page, methods=["GET"]),
            Route("/c/pay/{id}", self.pay, methods=["POST"]),
            Route("/3ds/{secret}", self.bank_page, methods=["GET"]),
            Route("/3ds/{secret}", self.answer_bank, methods=["POST"]),
            Route("/receipts/{id}", self.receipt, methods=["GET"]),
        ]

    def pay_session(self, session_id: str, entry: Entry) -> Outcome | None:
        """What submitting the form does; None when there is no such session."""
        with self._desk.store.transaction():
            call = self._call()
            session = call.find(checkout.KIND, session_id)
            outcome = None if session is None else checkout.pay(call, session, entry)
        self._desk.worked()
        return outcome

    def authenticate_session(self, session_id: str, approved: bool) -> Outcome | None:
        with self._desk.store.transaction():
            call = self._call()
            session = call.find(checkout.KIND, session_id)
            waiting = session is not None and session["payment_intent"] is not None
            outcome = checkout.authenticated(call, session, approved) if session and waiting else None
        self._desk.worked()
        return outcome

    def _call(self) -> Call:
        return self._desk.call(request_id=ids.new_request_id())

    async def checkout_page(self, request: Request) -> Response:
        return self._page(request.path_params["id"])

    async def pay(self, request: Request) -> Response:
        form = await request.form()
        sent = {name: str(form.get(name) or "").strip() for name in ("card_number", "email", "name")}
        entry = Entry(sent["card_number"], sent["email"] or None, sent["name"] or None)
        outcome = self.pay_session(request.path_params["id"], entry)
        return self._shown(request.path_params["id"], outcome, entry)

    def _shown(self, session_id: str, outcome: Outcome | None, entry: Entry | None = None) -> Response:
        match outcome:
            case Paid(target) | AuthenticationRequired(target):
                return RedirectResponse(target, 303)
            case Declined(message=message):
                return self._page(session_id, message, entry, 402)
            case Closed():
                return self._page(session_id, status=409)
        return self._page(session_id)

    def _page(
        self, session_id: str, problem: str | None = None, entry: Entry | None = None, status: int = 200
    ) -> Response:
        call = self._call()
        session = call.find(checkout.KIND, session_id)
        if session is None:
            return _html("notice.html", 404, title="Nothing to pay here", text="This checkout does not exist.")
        if session["status"] != "open":
            return _closed(session, status)
        items = call.store.private(session_id)["line_items"]
        return _html("pay.html", status, session=session, items=items, problem=problem, entry=entry)

    async def bank_page(self, request: Request) -> Response:
        intent = self._intent(request.path_params["secret"])
        if intent is None or intent["status"] != "requires_action":
            return _html(
                "notice.html", 404, title="Nothing to confirm", text="No payment waits for your approval here."
            )
        return _html("bank.html", 200, intent=intent)

    def _intent(self, secret: str) -> Json | None:
        intent = self._call().find(payments.KIND, secret.partition("_secret_")[0])
        return intent if intent is not None and intent["client_secret"] == secret else None

    async def answer_bank(self, request: Request) -> Response:
        approved = (await request.form()).get("decision") == "approve"
        intent = self._intent(request.path_params["secret"])
        if intent is None or intent["status"] != "requires_action":
            return _html("notice.html", 409, title="Nothing to confirm", text="This payment was dealt with already.")
        sessions = self._desk.store.where(checkout.KIND, payment_intent=intent["id"])
        if sessions:
            session_id = sessions[0]["id"]
            return self._shown(session_id, self.authenticate_session(session_id, approved))
        return self._answer_intent(intent, approved)

    def _answer_intent(self, intent: Json, approved: bool) -> Response:
        """A payment intent without a session: back to its return_url, with the parameters Stripe adds."""
        redirect = (intent["next_action"].get("redirect_to_url") or {}).get("return_url")
        with self._desk.store.transaction():
            try:
                intent = payments.authenticated(self._call(), intent, approved)
            except CardDeclined as declined:
                intent = declined.error["payment_intent"]
        self._desk.worked()
        passed = intent["status"] in ("succeeded", "requires_capture")
        if redirect is None:
            title = "Payment confirmed" if passed else "Payment refused"
            return _html("notice.html", 200, title=title, text="You can close this page.")
        query = {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if passed else "failed",
        }
        return RedirectResponse(f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(query)}", 303)

    async def receipt(self, request: Request) -> Response:
        charge = self._call().find("charge", request.path_params["id"])
        if charge is None or not charge["paid"]:
            return _html("notice.html", 404, title="No such receipt", text="There is no receipt here.")
        return _html("receipt.html", 200, charge=charge)


def _closed(session: Json, status: int) -> Response:
    if session["status"] == "complete":
        return _html("notice.html", status, title="You're all done here", text="This checkout has been paid.")
    return _html("notice.html", status, title="Something went wrong", text="This checkout has expired.")


def _html(template: str, status: int, **values: object) -> Response:
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}
    return HTMLResponse(_PAGES.get_template(template).render(**values), status, headers)
