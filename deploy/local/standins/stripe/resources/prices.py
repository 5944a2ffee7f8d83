"""Prices: how much of which currency a product costs, once or again and again."""

from decimal import Decimal, InvalidOperation

from deploy.local.standins.stripe import ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidParameters, InvalidRequest, Json
from deploy.local.standins.stripe.forms import Tree
from deploy.local.standins.stripe.operations import Resource, create, listing, retrieve, update
from deploy.local.standins.stripe.params import (
    Field,
    Fields,
    Reader,
    boolean,
    choice,
    clears,
    currency,
    integer,
    list_of,
    may,
    merged,
    metadata,
    must,
    object_of,
    text,
)
from deploy.local.standins.stripe.resources import products

KIND = "price"
TAX_BEHAVIOUR = choice("exclusive", "inclusive", "unspecified")


def _decimal(value: str | Tree, param: str) -> str:
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number < 0:
        raise InvalidParameters(f"Invalid decimal: {value}", code="parameter_invalid_string", param=param)
    return str(value)


AMOUNT: dict[str, Field] = {
    "currency": must(currency()),
    "unit_amount": may(integer()),
    "unit_amount_decimal": may(_decimal),
    "tax_behavior": may(TAX_BEHAVIOUR),
    "recurring": may(
        object_of(
            {
                "interval": must(choice("day", "week", "month", "year")),
                "interval_count": may(integer(1, 1095)),
                "usage_type": may(choice("licensed")),
            }
        )
    ),
}
PRODUCT_DATA: dict[str, Field] = {
    "name": must(text()),
    "metadata": may(metadata()),
    "tax_code": may(text()),
    "unit_label": may(text(12)),
}
_FIELDS: Fields = {
    **AMOUNT,
    "active": may(boolean()),
    "billing_scheme": may(choice("per_unit")),
    "lookup_key": may(text(200)),
    "metadata": may(metadata()),
    "nickname": may(text()),
    "product": may(text()),
    "product_data": may(
        object_of({**PRODUCT_DATA, "active": may(boolean()), "id": may(text()), "statement_descriptor": may(text(22))})
    ),
    "transfer_lookup_key": may(boolean()),
}


def amounts(values: Json, prefix: str = "") -> tuple[int | None, str]:
    """unit_amount and unit_amount_decimal from whichever of the two was sent."""
    whole, exact = values.get("unit_amount"), values.get("unit_amount_decimal")
    if (whole is None) == (exact is None):
        raise InvalidRequest(
            "You must specify either `unit_amount` or `unit_amount_decimal`, and not both.",
            param=f"{prefix}[unit_amount]" if prefix else "unit_amount",
        )
    if exact is None:
        return whole, str(whole)
    return (int(Decimal(exact)), exact) if Decimal(exact) == int(Decimal(exact)) else (None, exact)


def new_price(call: Call, values: Json, product_id: str, *, active: bool = True, prefix: str = "") -> Json:
    unit_amount, unit_amount_decimal = amounts(values, prefix)
    recurring = values.get("recurring")
    price = {
        "id": ids.new_id(KIND),
        "object": KIND,
        "active": active,
        "billing_scheme": "per_unit",
        "created": call.now(),
        "currency": values["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": values.get("lookup_key"),
        "metadata": merged({}, values.get("metadata")),
        "nickname": values.get("nickname"),
        "product": product_id,
        "recurring": None if recurring is None else _recurring(recurring),
        "tax_behavior": values.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": unit_amount,
        "unit_amount_decimal": unit_amount_decimal,
    }
    call.add(price)
    call.emit("price.created", price)
    return price


def _recurring(sent: Json) -> Json:
    return {
        "interval": sent["interval"],
        "interval_count": sent.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": sent.get("usage_type", "licensed"),
    }


def _create(call: Call, values: Json) -> Json:
    if ("product" in values) == ("product_data" in values):
        raise InvalidRequest("You must specify exactly one of `product` or `product_data`.", param="product")
    _claim_lookup_key(call, values, holder_id=None)
    if "product_data" in values:
        data = values["product_data"]
        product = products.new_product(call, data, active=data.get("active", True))
    else:
        product = call.referred("product", values["product"], "product")
    return new_price(call, values, product["id"], active=values.get("active", True))


def _claim_lookup_key(call: Call, values: Json, holder_id: str | None) -> None:
    key = values.get("lookup_key")
    if key is None:
        return
    for holder in call.store.where(KIND, lookup_key=key):
        if holder["id"] == holder_id:
            continue
        if not values.get("transfer_lookup_key"):
            raise InvalidRequest(
                f"A price (`{holder['id']}`) already uses that lookup key.",
                code="resource_already_exists",
                param="lookup_key",
            )
        call.save({**holder, "lookup_key": None})


def _change(call: Call, values: Json) -> Json:
    price = call.addressed(KIND)
    before = dict(price)
    _claim_lookup_key(call, values, holder_id=price["id"])
    for name in ("active", "lookup_key", "nickname", "tax_behavior"):
        if name in values:
            price[name] = values[name]
    if "metadata" in values:
        price["metadata"] = merged(price["metadata"], values["metadata"])
    if price != before:
        call.save(price)
        call.emit("price.updated", price, before)
    return price


_CHANGES: Fields = {
    "active": may(boolean()),
    "lookup_key": clears(text(200)),
    "metadata": clears(metadata()),
    "nickname": clears(text()),
    "tax_behavior": may(TAX_BEHAVIOUR),
    "transfer_lookup_key": may(boolean()),
}
_FILTERS: dict[str, Reader] = {
    "active": boolean(),
    "currency": currency(),
    "lookup_keys": list_of(text(), 10),
    "product": text(),
    "type": choice("one_time", "recurring"),
}

RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/prices", _FIELDS, _create),
        listing("/v1/prices", KIND, _FILTERS, {"lookup_keys": "lookup_key"}),
        retrieve("/v1/prices/{id}", KIND),
        update("/v1/prices/{id}", _CHANGES, _change),
    ),
    links=frozenset({"product"}),
)
