"""Checkout Sessions: an order that a customer pays on the hosted page."""

from deploy.local.standins.stripe import checkout, ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidRequest, Json
from deploy.local.standins.stripe.lists import PAGE_FIELDS, inline_page
from deploy.local.standins.stripe.operations import Operation, Resource, create, listing, retrieve, update
from deploy.local.standins.stripe.params import (
    Fields,
    boolean,
    choice,
    clears,
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
from deploy.local.standins.stripe.resources import line_items
from deploy.local.standins.stripe.resources.customers import SHIPPING
from deploy.local.standins.stripe.resources.payment_intents import CAPTURE, USAGE
from deploy.local.standins.stripe.resources.payment_methods import TYPE

KIND = checkout.KIND

_HALF_HOUR, _DAY = 1800, 86_400

_INTENT: Fields = {
    "capture_method": may(CAPTURE),
    "description": may(text(1000)),
    "metadata": may(metadata()),
    "receipt_email": may(email()),
    "setup_future_usage": may(USAGE),
    "shipping": may(SHIPPING),
    "statement_descriptor": may(text(22)),
    "statement_descriptor_suffix": may(text(22)),
    "transfer_group": may(text()),
}
_SWITCH = object_of({"enabled": must(boolean())})
_FIELDS: Fields = {
    "allow_promotion_codes": may(boolean()),
    "billing_address_collection": may(choice("auto", "required")),
    "cancel_url": may(url()),
    "client_reference_id": may(text(200)),
    "customer": may(text()),
    "customer_creation": may(choice("always", "if_required")),
    "customer_email": may(email()),
    "expires_at": may(integer()),
    "line_items": must(list_of(object_of(line_items.FIELDS))),
    "locale": may(text(10)),
    "metadata": clears(metadata()),
    "mode": must(choice("payment", "setup", "subscription")),
    "payment_intent_data": may(object_of(_INTENT)),
    "payment_method_types": may(list_of(TYPE)),
    "phone_number_collection": may(_SWITCH),
    "submit_type": may(choice("auto", "book", "donate", "pay")),
    "success_url": must(url()),
    "ui_mode": may(choice("hosted_page")),
}


def _create(call: Call, values: Json) -> Json:
    _refuse_what_is_not_served(values)
    if "customer" in values and "customer_email" in values:
        raise InvalidRequest(
            "You may only specify one of these parameters: customer, customer_email.", param="customer"
        )
    customer = call.referred("customer", values["customer"], "customer") if "customer" in values else None
    expires_at = _expiry(call, values)
    items = [line_items.new_line(call, sent, f"line_items[{index}]") for index, sent in enumerate(values["line_items"])]
    total = line_items.total(items)
    session = _new_session(call, values, customer, expires_at, total, items[0]["currency"])
    call.add(session, {"line_items": items, "payment_intent_data": values.get("payment_intent_data", {})})
    call.later(expires_at, "checkout.session.expire", session["id"])
    return session


def _refuse_what_is_not_served(values: Json) -> None:
    if values["mode"] != "payment":
        raise InvalidRequest(f"This stand-in serves mode=payment, and not yet mode={values['mode']}.", param="mode")


def _expiry(call: Call, values: Json) -> int:
    expires_at = int(values.get("expires_at", call.now() + _DAY))
    if expires_at < call.now() + _HALF_HOUR - 1:
        raise InvalidRequest(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", param="expires_at"
        )
    if expires_at > call.now() + _DAY + 1:
        raise InvalidRequest(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", param="expires_at"
        )
    return expires_at


def _new_session(call: Call, values: Json, customer: Json | None, expires_at: int, total: int, currency: str) -> Json:
    session_id = ids.new_id(KIND)
    return {
        "id": session_id,
        "object": KIND,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": values.get("allow_promotion_codes"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": values.get("billing_address_collection"),
        "branding_settings": {
            "background_color": "#ffffff",
            "border_style": "rounded",
            "button_color": "#1f6feb",
            "display_name": "Campus",
            "font_family": "default",
            "icon": None,
            "logo": None,
        },
        "cancel_url": values.get("cancel_url"),
        "client_reference_id": values.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": call.now(),
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer["id"] if customer else None,
        "customer_account": None,
        "customer_creation": None if customer else values.get("customer_creation", "if_required"),
        "customer_details": None,
        "customer_email": customer["email"] if customer else values.get("customer_email"),
        "discounts": [],
        "expires_at": expires_at,
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": None,
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": False,
        "locale": values.get("locale"),
        "managed_payments": None,
        "metadata": merged({}, values.get("metadata")),
        "mode": values["mode"],
        "optional_items": None,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": values.get("payment_method_types", ["card"]),
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": values.get("phone_number_collection", {"enabled": False}),
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": values.get("submit_type"),
        "subscription": None,
        "success_url": values["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.public_url}/c/pay/{session_id}",
        "wallet_options": None,
    }


def _change(call: Call, values: Json) -> Json:
    session = call.addressed(KIND)
    if "metadata" in values:
        session["metadata"] = merged(session["metadata"], values["metadata"])
    return call.save(session)


def _expire(call: Call, _: Json) -> Json:
    session = call.addressed(KIND)
    if session["status"] != "open":
        raise InvalidRequest(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{session['status']}."
        )
    return checkout.expire(call, session)


def _items_url(session: Json) -> str:
    return f"/v1/checkout/sessions/{session['id']}/line_items"


def _list_items(call: Call, values: Json) -> Json:
    session = call.addressed(KIND)
    return inline_page(call.store.private(session["id"])["line_items"], values, _items_url(session))


def _include_items(call: Call, session: Json) -> Json:
    return inline_page(call.store.private(session["id"])["line_items"], {}, _items_url(session))


RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/checkout/sessions", _FIELDS, _create),
        listing(
            "/v1/checkout/sessions",
            KIND,
            {
                "customer": text(),
                "payment_intent": text(),
                "status": choice("complete", "expired", "open"),
            },
        ),
        retrieve("/v1/checkout/sessions/{id}", KIND),
        update("/v1/checkout/sessions/{id}", {"metadata": clears(metadata())}, _change),
        create("/v1/checkout/sessions/{id}/expire", {}, _expire),
        Operation("GET", "/v1/checkout/sessions/{id}/line_items", PAGE_FIELDS, _list_items),
    ),
    links=frozenset({"customer", "payment_intent"}),
    included={"line_items": _include_items},
    timers={"checkout.session.expire": checkout.run_out},
)
