"""Customers: who pays."""

from deploy.local.standins.stripe import ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import Json
from deploy.local.standins.stripe.operations import Resource, create, delete, listing, retrieve, update
from deploy.local.standins.stripe.params import Fields, clears, email, list_of, may, merged, metadata, object_of, text
from deploy.local.standins.stripe.resources import payment_methods

KIND = "customer"

ADDRESS = object_of({name: clears(text()) for name in ("city", "country", "line1", "line2", "postal_code", "state")})
SHIPPING = object_of({"address": may(ADDRESS), "name": may(text()), "phone": clears(text())})

_FIELDS: Fields = {
    "address": clears(ADDRESS),
    "description": clears(text()),
    "email": clears(email()),
    "invoice_settings": may(object_of({"default_payment_method": clears(text())})),
    "metadata": clears(metadata()),
    "name": clears(text(256)),
    "phone": clears(text(20)),
    "preferred_locales": may(list_of(text())),
    "shipping": clears(SHIPPING),
}
_PLAIN = ("description", "email", "name", "phone", "preferred_locales", "shipping")


def new_customer(call: Call, values: Json) -> Json:
    customer: Json = {
        "id": ids.new_id(KIND),
        "object": KIND,
        "address": None,
        "balance": 0,
        "created": call.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": ids.random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _assign(customer, values)
    call.add(customer)
    call.emit("customer.created", customer)
    if "payment_method" in values:
        payment_methods.attach(call, values["payment_method"], customer["id"])
    _set_default_payment_method(call, customer, values)
    return call.save(customer)


def _change(call: Call, values: Json) -> Json:
    customer = call.addressed(KIND)
    before = {**customer, "invoice_settings": dict(customer["invoice_settings"])}
    _assign(customer, values)
    _set_default_payment_method(call, customer, values)
    call.save(customer)
    if customer != before:
        call.emit("customer.updated", customer, before)
    return customer


def _assign(customer: Json, values: Json) -> None:
    customer.update({name: values[name] for name in _PLAIN if name in values})
    if "address" in values:
        customer["address"] = full_address(values["address"])
    if "metadata" in values:
        customer["metadata"] = merged(customer["metadata"], values["metadata"])


def full_address(sent: Json | None) -> Json | None:
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return None if sent is None else {name: sent.get(name) for name in names}


def _set_default_payment_method(call: Call, customer: Json, values: Json) -> None:
    settings = values.get("invoice_settings", {})
    if "default_payment_method" in settings:
        chosen = settings["default_payment_method"]
        if chosen is not None:
            call.referred("payment_method", chosen, "invoice_settings[default_payment_method]")
        customer["invoice_settings"]["default_payment_method"] = chosen


def _remove(call: Call, _: Json) -> Json:
    customer = call.addressed(KIND)
    tombstone = {"id": customer["id"], "object": KIND, "deleted": True}
    call.save(tombstone)
    for method in call.store.where("payment_method", customer=customer["id"]):
        call.save({**method, "customer": None})
    call.emit("customer.deleted", customer)
    return tombstone


def _retrieve(call: Call, _: Json) -> Json:
    """A deleted customer is still found, as its tombstone."""
    stored = call.store.get(call.path["id"])
    return stored if stored is not None and stored["object"] == KIND else call.addressed(KIND)


RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/customers", {**_FIELDS, "payment_method": may(text())}, new_customer),
        listing("/v1/customers", KIND, {"email": text()}),
        retrieve("/v1/customers/{id}", KIND, _retrieve),
        update("/v1/customers/{id}", _FIELDS, _change),
        delete("/v1/customers/{id}", _remove),
        *payment_methods.OF_CUSTOMER,
    ),
    links=frozenset({"invoice_settings.default_payment_method"}),
)
