"""What happens to a Checkout Session: a customer pays or is refused, comes back from the bank, or time runs out."""

from dataclasses import dataclass

from deploy.local.standins.stripe import cards, payments
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import CardDeclined, Json
from deploy.local.standins.stripe.resources import customers, payment_intents, payment_methods

KIND = "checkout.session"


@dataclass(frozen=True)
class Entry:
    """What the customer typed on the page."""

    card: str
    email: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Paid:
    """Done: the customer is sent to where the merchant wants them."""

    redirect: str


@dataclass(frozen=True)
class Declined:
    """Refused: the customer stays and may try another card."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class AuthenticationRequired:
    """The customer's bank wants to be asked first, on its own page."""

    url: str


@dataclass(frozen=True)
class Closed:
    """The session is complete or expired and takes no payment."""

    status: str


Outcome = Paid | Declined | AuthenticationRequired | Closed


def pay(call: Call, session: Json, entry: Entry) -> Outcome:
    if session["status"] != "open":
        return Closed(session["status"])
    session["customer_details"] = _details(session, entry)
    if session["amount_total"] == 0:
        return _complete(call, session, "no_payment_required")
    number = "".join(entry.card.split())
    card = cards.by_number(number)
    if card is None:
        refusal = cards.LIVE_CARD if cards.checks_out(number) else cards.WRONG_NUMBER
        return Declined(refusal.code, refusal.decline_code, refusal.message)
    intent = _intent(call, session)
    details = session["customer_details"]
    method = payment_methods.new_payment_method(call, card, {"email": details["email"], "name": details["name"]})
    call.save(session)
    page = f"{call.public_url}/c/pay/{session['id']}"
    try:
        intent = payments.confirm(call, intent, {"payment_method": method["id"], "return_url": page})
    except CardDeclined as declined:
        return _declined(declined.error)
    return _after(call, session, intent)


def authenticated(call: Call, session: Json, approved: bool) -> Outcome:
    """The customer comes back from the bank's page."""
    intent = call.known(payments.KIND, session["payment_intent"])
    if session["status"] != "open":
        return Closed(session["status"])
    try:
        intent = payments.authenticated(call, intent, approved)
    except CardDeclined as declined:
        return _declined(declined.error)
    return _after(call, session, intent)


def _after(call: Call, session: Json, intent: Json) -> Outcome:
    if intent["status"] == "requires_action":
        return AuthenticationRequired(intent["next_action"]["redirect_to_url"]["url"])
    if intent["status"] == "requires_payment_method":
        return _declined(intent["last_payment_error"])
    # An authorised amount that the merchant captures later leaves the session unpaid, but complete.
    return _complete(call, session, "paid" if intent["status"] == "succeeded" else "unpaid")


def _declined(error: Json) -> Declined:
    return Declined(error["code"], error.get("decline_code"), error["message"])


def _details(session: Json, entry: Entry) -> Json:
    former = session["customer_details"] or {}
    return {
        "address": None,
        "business_name": None,
        "email": session["customer_email"] or entry.email or former.get("email"),
        "individual_name": None,
        "name": entry.name or former.get("name"),
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _intent(call: Call, session: Json) -> Json:
    """The session's payment intent; it comes into being with the first attempt to pay."""
    if session["payment_intent"] is not None:
        return call.known(payments.KIND, session["payment_intent"])
    wishes = call.store.private(session["id"])["payment_intent_data"]
    values = {
        **wishes,
        "amount": session["amount_total"],
        "currency": session["currency"],
        "payment_method_types": ["card"],
    }
    customer = _customer(call, session)
    if customer is not None:
        values["customer"] = customer
    intent = payment_intents.new_intent(call, values)
    session["payment_intent"] = intent["id"]
    return intent


def _customer(call: Call, session: Json) -> str | None:
    """The customer the merchant named, or one made now because the merchant wants one."""
    if session["customer"] is None and session["customer_creation"] == "always":
        details = session["customer_details"]
        known = {name: details[name] for name in ("email", "name") if details[name] is not None}
        session["customer"] = customers.new_customer(call, known)["id"]
    return None if session["customer"] is None else str(session["customer"])


def _complete(call: Call, session: Json, payment_status: str) -> Paid:
    session.update(status="complete", payment_status=payment_status, url=None)
    call.emit("checkout.session.completed", call.save(session))
    return Paid(str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"]))


def expire(call: Call, session: Json) -> Json:
    session.update(status="expired", url=None)
    call.save(session)
    if session["payment_intent"] is not None:
        payments.cancel(call, call.known(payments.KIND, session["payment_intent"]), "expired")
    call.emit("checkout.session.expired", session)
    return session


def run_out(call: Call, session_id: str) -> None:
    session = call.known(KIND, session_id)
    if session["status"] == "open":
        expire(call, session)
