"""Payment intents: one wish to take an amount of money, through all the attempts to fulfil it."""

from typing import Any

from deploy.local.standins.stripe import ids, money, payments
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidRequest, Json
from deploy.local.standins.stripe.operations import Resource, create, listing, retrieve, update
from deploy.local.standins.stripe.params import (
    Fields,
    boolean,
    choice,
    clears,
    currency,
    email,
    integer,
    list_of,
    may,
    merged,
    metadata,
    must,
    object_of,
    text,
    url,
)
from deploy.local.standins.stripe.resources import payment_methods
from deploy.local.standins.stripe.resources.customers import SHIPPING, full_address

KIND = payments.KIND
USAGE = choice("off_session", "on_session")
CAPTURE = choice("automatic", "automatic_async", "manual")

_METHOD: Fields = {
    "payment_method": may(text()),
    "payment_method_data": may(object_of(payment_methods.DATA)),
    "payment_method_types": may(list_of(payment_methods.TYPE)),
}
_DESCRIPTION: Fields = {
    "customer": may(text()),
    "description": clears(text(1000)),
    "metadata": clears(metadata()),
    "receipt_email": clears(email()),
    "setup_future_usage": clears(USAGE),
    "shipping": clears(SHIPPING),
    "statement_descriptor": may(text(22)),
    "statement_descriptor_suffix": may(text(22)),
    "transfer_group": may(text()),
}
_CONFIRMATION: Fields = {
    **_METHOD,
    "error_on_requires_action": may(boolean()),
    "off_session": may(boolean()),
    "receipt_email": clears(email()),
    "return_url": may(url()),
    "setup_future_usage": clears(USAGE),
    "use_stripe_sdk": may(boolean()),
}
_CREATION: Fields = {
    **_DESCRIPTION,
    **_CONFIRMATION,
    "amount": must(integer()),
    "automatic_payment_methods": may(
        object_of({"enabled": must(boolean()), "allow_redirects": may(choice("always", "never"))})
    ),
    "capture_method": may(CAPTURE),
    "confirm": may(boolean()),
    "confirmation_method": may(choice("automatic", "manual")),
    "currency": must(currency()),
}
_CHANGES: Fields = {**_DESCRIPTION, **_METHOD, "amount": may(integer()), "currency": may(currency())}

_PLAIN = ("description", "receipt_email", "setup_future_usage", "statement_descriptor", "statement_descriptor_suffix")
_CHANGEABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def new_intent(call: Call, values: Json) -> Json:
    """A fresh intent, announced; whoever asks for its confirmation does that next."""
    money.check_chargeable(values["amount"], values["currency"])
    intent_id = ids.new_id(KIND)
    intent: Json = {
        "id": intent_id,
        "object": KIND,
        "allowed_payment_method_types": None,
        "amount": values["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": _automatic(values),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": values.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{ids.random_text(25)}",
        "confirmation_method": values.get("confirmation_method", "automatic"),
        "created": call.now(),
        "currency": values["currency"],
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": values.get("payment_method_types", ["card"]),
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    _assign(call, intent, values)
    call.add(intent)
    call.emit("payment_intent.created", intent)
    return intent


def _automatic(values: Json) -> Json | None:
    """Automatic methods are on unless the caller names the types or turns them off."""
    sent = values.get("automatic_payment_methods")
    if sent is not None:
        if sent["enabled"] and "payment_method_types" in values:
            raise InvalidRequest(
                "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.",
                param="automatic_payment_methods",
            )
        return {"allow_redirects": sent.get("allow_redirects", "always"), "enabled": True} if sent["enabled"] else None
    return None if "payment_method_types" in values else {"allow_redirects": "always", "enabled": True}


def _assign(call: Call, intent: Json, values: Json) -> None:
    if "customer" in values:
        intent["customer"] = call.referred("customer", values["customer"], "customer")["id"]
    for name in (*_PLAIN, "transfer_group", "amount", "currency", "payment_method_types"):
        if name in values:
            intent[name] = values[name]
    if "shipping" in values:
        intent["shipping"] = _shipping(values["shipping"])
    if "metadata" in values:
        intent["metadata"] = merged(intent["metadata"], values["metadata"])
    _assign_method(call, intent, values)


def _shipping(sent: Json | None) -> Json | None:
    if sent is None:
        return None
    known = {"carrier": None, "name": sent.get("name"), "phone": sent.get("phone"), "tracking_number": None}
    return {**known, "address": full_address(sent.get("address"))}


def _assign_method(call: Call, intent: Json, values: Json) -> None:
    if "payment_method_data" in values:
        method = payment_methods.from_data(call, values["payment_method_data"])
    elif "payment_method" in values:
        method = payment_methods.resolve(call, values["payment_method"])
    else:
        return
    intent["payment_method"] = method["id"]
    intent["status"] = "requires_confirmation"


def _create(call: Call, values: Json) -> Json:
    wishes = ("return_url", "off_session", "error_on_requires_action")
    if not values.get("confirm"):
        early = next((name for name in wishes if name in values), None)
        if early is not None:
            raise InvalidRequest(f"The parameter `{early}` may only be passed with `confirm=true`.", param=early)
        return new_intent(call, values)
    intent = new_intent(call, values)
    return payments.confirm(call, intent, {name: values[name] for name in wishes if name in values})


def _change(call: Call, values: Json) -> Json:
    intent = call.addressed(KIND)
    fixed = values.keys() - {"metadata", "description", "receipt_email", "expand"}
    if fixed and intent["status"] not in _CHANGEABLE:
        raise payments.unexpected_state(intent, "update", _CHANGEABLE, "updated")
    _assign(call, intent, values)
    if "amount" in values or "currency" in values:
        money.check_chargeable(intent["amount"], intent["currency"])
    return call.save(intent)


def _confirm(call: Call, values: Json) -> Json:
    return payments.confirm(call, call.addressed(KIND), values)


def _capture(call: Call, values: Json) -> Json:
    return payments.capture(call, call.addressed(KIND), values)


def _cancel(call: Call, values: Json) -> Json:
    intent = call.addressed(KIND)
    sessions = call.store.where("checkout.session", payment_intent=intent["id"])
    if any(session["status"] == "open" for session in sessions):
        raise InvalidRequest(
            "You cannot cancel PaymentIntents created by Checkout Sessions. Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
    return payments.cancel(call, intent, values.get("cancellation_reason"))


_REASONS = choice("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_CAPTURE: dict[str, Any] = {"amount_to_capture": may(integer(1)), "metadata": clears(metadata())}

RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/payment_intents", _CREATION, _create),
        listing("/v1/payment_intents", KIND, {"customer": text()}),
        retrieve("/v1/payment_intents/{id}", KIND),
        update("/v1/payment_intents/{id}", _CHANGES, _change),
        create("/v1/payment_intents/{id}/confirm", _CONFIRMATION, _confirm),
        create("/v1/payment_intents/{id}/capture", _CAPTURE, _capture),
        create("/v1/payment_intents/{id}/cancel", {"cancellation_reason": may(_REASONS)}, _cancel),
    ),
    links=frozenset({"customer", "latest_charge", "payment_method", "last_payment_error.payment_method"}),
    timers={"payment_intent.release": payments.release},
)
