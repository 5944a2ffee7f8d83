"""The state machine of a payment intent: confirm, authenticate, charge, capture, cancel."""

from deploy.local.standins.stripe import cards
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import CardDeclined, InvalidRequest, Json
from deploy.local.standins.stripe.params import merged
from deploy.local.standins.stripe.resources import charges, payment_methods

KIND = "payment_intent"

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")
_AUTHORIZATION_SECONDS = 7 * 86_400


def unexpected_state(intent: Json, verb: str, allowed: tuple[str, ...], past: str) -> InvalidRequest:
    return InvalidRequest(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
        f"with one of the following statuses may be {past}: {', '.join(allowed)}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )


def confirm(call: Call, intent: Json, values: Json) -> Json:
    if intent["status"] not in _CONFIRMABLE:
        raise unexpected_state(intent, "confirm", _CONFIRMABLE, "confirmed")
    _require_return_url(intent, values)
    method = _method(call, intent, values)
    for name in ("receipt_email", "setup_future_usage"):
        if name in values:
            intent[name] = values[name]
    card = cards.by_last4(method["card"]["last4"])
    if not card.authenticate:
        return charge(call, intent, method, card.decline)
    if values.get("off_session") or values.get("error_on_requires_action"):
        return charge(call, intent, method, cards.NEEDS_AUTHENTICATION)
    return _ask_for_authentication(call, intent, method, values.get("return_url"))


def _require_return_url(intent: Json, values: Json) -> None:
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["enabled"] and automatic["allow_redirects"] == "always" and "return_url" not in values:
        raise InvalidRequest(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
            "If you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
            param="return_url",
            payment_intent=intent,
        )


def _method(call: Call, intent: Json, values: Json) -> Json:
    if "payment_method_data" in values:
        method = payment_methods.from_data(call, values["payment_method_data"])
    elif "payment_method" in values or intent["payment_method"]:
        method = payment_methods.resolve(call, values.get("payment_method") or intent["payment_method"])
    else:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise InvalidRequest(
            f"The payment method {method['id']} belongs to the customer {method['customer']}. Include that customer "
            "in the `customer` parameter of the PaymentIntent.",
            param="payment_method",
        )
    return method


def _ask_for_authentication(call: Call, intent: Json, method: Json, return_url: str | None) -> Json:
    page = f"{call.public_url}/3ds/{intent['client_secret']}"
    redirect: Json = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    in_page: Json = {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page},
    }
    intent.update(
        status="requires_action",
        payment_method=method["id"],
        next_action=redirect if return_url else in_page,
        last_payment_error=None,
    )
    call.save(intent)
    call.emit("payment_intent.requires_action", intent)
    return intent


def authenticated(call: Call, intent: Json, approved: bool) -> Json:
    """The customer came back from the bank's page."""
    if intent["status"] != "requires_action":
        raise unexpected_state(intent, "authenticate", ("requires_action",), "authenticated")
    method = call.known("payment_method", intent["payment_method"])
    if approved:
        return charge(call, intent, method, cards.by_last4(method["card"]["last4"]).decline)
    error = InvalidRequest(
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again.",
        code="payment_intent_authentication_failure",
        payment_method=method,
    )
    _failed(call, intent, error.error)
    return intent


def charge(call: Call, intent: Json, method: Json, decline: cards.Decline | None) -> Json:
    """Take the money, or leave the failed attempt on record and raise the bank's refusal."""
    attempt = charges.new_charge(call, intent, method, decline)
    intent["latest_charge"] = attempt["id"]
    if decline is not None:
        declined = CardDeclined(
            decline.message,
            code=decline.code,
            decline_code=decline.decline_code,
            charge=attempt["id"],
            payment_method=method,
        )
        _failed(call, intent, declined.error)
        declined.error["payment_intent"] = intent
        raise declined
    intent.update(payment_method=method["id"], next_action=None, last_payment_error=None)
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        payment_methods.attach(call, method["id"], intent["customer"])
    if attempt["captured"]:
        intent.update(status="succeeded", amount_received=intent["amount"])
        call.emit("payment_intent.succeeded", call.save(intent))
    else:
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        call.later(call.now() + _AUTHORIZATION_SECONDS, "payment_intent.release", intent["id"])
        call.emit("payment_intent.amount_capturable_updated", call.save(intent))
    return intent


def _failed(call: Call, intent: Json, error: Json) -> None:
    intent.update(
        status="requires_payment_method", payment_method=None, next_action=None, last_payment_error=dict(error)
    )
    call.emit("payment_intent.payment_failed", call.save(intent))


def capture(call: Call, intent: Json, values: Json) -> Json:
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "capture", ("requires_capture",), "captured")
    amount = values.get("amount_to_capture", intent["amount_capturable"])
    if amount > intent["amount_capturable"]:
        raise InvalidRequest(
            f"The provided `amount_to_capture` of {amount} is greater than the capturable amount of "
            f"{intent['amount_capturable']}.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    taken = call.known("charge", intent["latest_charge"])
    before = dict(taken)
    taken.update(captured=True, amount_captured=amount)
    charges.book(call, taken)
    call.emit("charge.captured", taken, before)
    intent.update(status="succeeded", amount_capturable=0, amount_received=amount)
    if "metadata" in values:
        intent["metadata"] = merged(intent["metadata"], values["metadata"])
    call.emit("payment_intent.succeeded", call.save(intent))
    return intent


def cancel(call: Call, intent: Json, reason: str | None) -> Json:
    if intent["status"] not in _CANCELABLE:
        raise unexpected_state(intent, "cancel", _CANCELABLE, "canceled")
    if intent["status"] == "requires_capture":
        held = call.known("charge", intent["latest_charge"])
        before = dict(held)
        held.update(refunded=True, amount_refunded=held["amount"])
        call.emit("charge.refunded", call.save(held), before)
    intent.update(
        status="canceled",
        canceled_at=call.now(),
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
    )
    call.emit("payment_intent.canceled", call.save(intent))
    return intent


def release(call: Call, intent_id: str) -> None:
    """A bank holds an authorisation for a week; after that the money is the customer's again."""
    intent = call.known(KIND, intent_id)
    if intent["status"] == "requires_capture":
        cancel(call, intent, "automatic")
