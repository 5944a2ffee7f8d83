"""Products: what is sold."""

from deploy.local.standins.stripe import ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidRequest, Json
from deploy.local.standins.stripe.operations import Resource, create, delete, listing, retrieve, update
from deploy.local.standins.stripe.params import (
    Reader,
    boolean,
    clears,
    list_of,
    may,
    merged,
    metadata,
    must,
    object_of,
    text,
    url,
)

KIND = "product"

_FIELDS = {
    "active": may(boolean()),
    "description": clears(text(40_000)),
    "images": clears(list_of(url(), 8)),
    "marketing_features": clears(list_of(object_of({"name": must(text())}), 15)),
    "metadata": clears(metadata()),
    "name": may(text()),
    "shippable": may(boolean()),
    "statement_descriptor": may(text(22)),
    "tax_code": clears(text()),
    "unit_label": clears(text(12)),
    "url": clears(url()),
}
_LISTS = ("images", "marketing_features")


def new_product(call: Call, values: Json, *, active: bool = True) -> Json:
    if "id" in values and call.store.get(values["id"]) is not None:
        raise InvalidRequest("Product already exists.", code="resource_already_exists", param="id")
    product = {
        "id": values.get("id") or ids.new_id(KIND),
        "object": KIND,
        "active": active,
        "created": call.now(),
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": values["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": call.now(),
        "url": None,
    }
    _assign(product, values)
    call.add(product)
    call.emit("product.created", product)
    return product


def _assign(product: Json, values: Json) -> None:
    for name in _FIELDS.keys() & values.keys():
        product[name] = values[name] if name not in _LISTS else values[name] or []
    if "metadata" in values:
        product["metadata"] = merged({}, values["metadata"])


def _change(call: Call, values: Json) -> Json:
    product = call.addressed(KIND)
    before = dict(product)
    if "metadata" in values:
        values["metadata"] = merged(product["metadata"], values["metadata"])
    _assign(product, values)
    if "default_price" in values:
        price = values["default_price"]
        if price is not None:
            call.referred("price", price, "default_price")
        product["default_price"] = price
    if product != before:
        product["updated"] = call.now()
        call.save(product)
        call.emit("product.updated", product, before)
    return product


def _remove(call: Call, _: Json) -> Json:
    product = call.addressed(KIND)
    if call.store.where("price", product=product["id"]):
        raise InvalidRequest("This product cannot be deleted because it has one or more user-created prices.")
    tombstone = {"id": product["id"], "object": KIND, "deleted": True}
    call.save(tombstone)
    call.emit("product.deleted", product)
    return tombstone


_FILTERS: dict[str, Reader] = {
    "active": boolean(),
    "ids": list_of(text()),
    "shippable": boolean(),
    "url": text(),
}

RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/products", {**_FIELDS, "id": may(text()), "name": must(text())}, new_product),
        listing("/v1/products", KIND, _FILTERS, {"ids": "id"}),
        retrieve("/v1/products/{id}", KIND),
        update("/v1/products/{id}", {**_FIELDS, "default_price": clears(text())}, _change),
        delete("/v1/products/{id}", _remove),
    ),
    links=frozenset({"default_price"}),
)
