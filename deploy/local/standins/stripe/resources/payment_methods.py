"""Payment methods: the cards customers pay with; `pm_card_...` and `tok_...` become one when they are used."""

import hashlib
from typing import Any

from deploy.local.standins.stripe import cards, ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import CardDeclined, InvalidRequest, Json, missing
from deploy.local.standins.stripe.lists import PAGE_FIELDS, page
from deploy.local.standins.stripe.operations import Operation, Resource, create, listing, retrieve, update
from deploy.local.standins.stripe.params import (
    Fields,
    Reader,
    choice,
    clears,
    email,
    integer,
    may,
    merged,
    metadata,
    must,
    object_of,
    text,
)

KIND = "payment_method"
TYPE = choice("card")
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")

BILLING_DETAILS: Reader = object_of(
    {
        "address": clears(object_of({name: clears(text()) for name in _ADDRESS})),
        "email": clears(email()),
        "name": clears(text()),
        "phone": clears(text()),
    }
)
DATA: Fields = {
    "type": must(TYPE),
    "card": may(
        object_of(
            {
                "token": may(text()),
                "number": may(text()),
                "exp_month": may(integer(1, 12)),
                "exp_year": may(integer()),
                "cvc": may(text(4)),
            }
        )
    ),
    "billing_details": may(BILLING_DETAILS),
    "metadata": may(metadata()),
}


def new_payment_method(call: Call, card: cards.Card, billing: Json | None = None, sent: Json | None = None) -> Json:
    method = {
        "id": ids.new_id(KIND),
        "object": KIND,
        "allow_redisplay": "unspecified",
        "billing_details": _billing(billing or {}),
        "card": _card(call, card),
        "created": call.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": merged({}, sent),
        "type": "card",
    }
    return call.add(method)


def _billing(sent: Json) -> Json:
    address = sent.get("address") or {}
    return {
        "address": {name: address.get(name) for name in _ADDRESS},
        "email": sent.get("email"),
        "name": sent.get("name"),
        "phone": sent.get("phone"),
        "tax_id": None,
    }


def _card(call: Call, card: cards.Card) -> Json:
    year = 1970 + call.now() // 31_556_952
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": year + 4,
        "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def from_data(call: Call, data: Json) -> Json:
    """A payment method from `payment_method_data` or the body of a creation."""
    card = data.get("card", {})
    if "number" in card:
        raise InvalidRequest(
            "Sending credit card numbers directly to the Stripe API is generally unsafe. "
            "We suggest you use test tokens that map to the test card you are using.",
            status=402,
        )
    if "token" not in card:
        raise InvalidRequest("Missing required param: card.", code="parameter_missing", param="card")
    known = cards.by_test_name(card["token"])
    if known is None:
        raise missing("token", card["token"], "card[token]", 400)
    return new_payment_method(call, known, data.get("billing_details"), data.get("metadata"))


def resolve(call: Call, name: str, param: str = "payment_method") -> Json:
    """The payment method of this id; a ready-made test name yields a fresh one."""
    known = cards.by_test_name(name) if name.startswith("pm_card_") else None
    return call.referred(KIND, name, param) if known is None else new_payment_method(call, known)


def attach(call: Call, name: str, customer_id: str) -> Json:
    method = resolve(call, name)
    if method["customer"] not in (None, customer_id):
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer.", param="payment_method"
        )
    card = cards.by_last4(method["card"]["last4"])
    if card.decline is not None and not card.attach_only and not card.authenticate:
        raise CardDeclined(card.decline.message, code=card.decline.code, decline_code=card.decline.decline_code)
    method["customer"] = customer_id
    call.save(method)
    call.emit("payment_method.attached", method)
    return method


def _attach(call: Call, values: Json) -> Json:
    customer = call.referred("customer", values["customer"], "customer")
    return attach(call, call.path["id"], customer["id"])


def _detach(call: Call, _: Json) -> Json:
    method = call.addressed(KIND)
    if method["customer"] is None:
        raise InvalidRequest(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    before = dict(method)
    method["customer"] = None
    call.save(method)
    call.emit("payment_method.detached", method, before)
    return method


def _change(call: Call, values: Json) -> Json:
    method = call.addressed(KIND)
    if method["customer"] is None:
        raise InvalidRequest("You must save this PaymentMethod to a customer before you can update it.")
    before = dict(method)
    if "billing_details" in values:
        method["billing_details"] = _billing({**method["billing_details"], **values["billing_details"]})
    if "metadata" in values:
        method["metadata"] = merged(method["metadata"], values["metadata"])
    call.save(method)
    call.emit("payment_method.updated", method, before)
    return method


def _of_customer(call: Call, values: Json) -> Json:
    customer = call.addressed("customer", "customer")
    wanted: dict[str, Any] = {"customer": customer["id"]}
    if "type" in values:
        wanted["type"] = values["type"]
    return page(call, KIND, values, f"/v1/customers/{customer['id']}/payment_methods", wanted)


def _one_of_customer(call: Call, _: Json) -> Json:
    customer, method = call.addressed("customer", "customer"), call.addressed(KIND)
    if method["customer"] != customer["id"]:
        raise missing(KIND, method["id"], "payment_method", 404)
    return method


OF_CUSTOMER = (
    Operation("GET", "/v1/customers/{customer}/payment_methods", {**PAGE_FIELDS, "type": may(TYPE)}, _of_customer),
    Operation("GET", "/v1/customers/{customer}/payment_methods/{id}", {}, _one_of_customer),
)

RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/payment_methods", DATA, from_data),
        listing("/v1/payment_methods", KIND, {"customer": text(), "type": TYPE}, fields=PAGE_FIELDS),
        retrieve("/v1/payment_methods/{id}", KIND),
        update(
            "/v1/payment_methods/{id}",
            {"billing_details": may(BILLING_DETAILS), "metadata": clears(metadata())},
            _change,
        ),
        create("/v1/payment_methods/{id}/attach", {"customer": must(text())}, _attach),
        create("/v1/payment_methods/{id}/detach", {}, _detach),
    ),
    links=frozenset({"customer"}),
)
