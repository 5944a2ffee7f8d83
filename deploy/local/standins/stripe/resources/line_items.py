"""Line items: what is bought in a Checkout Session, at which price, and what it comes to."""

from decimal import ROUND_HALF_UP, Decimal

from deploy.local.standins.stripe import ids, money
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidRequest, Json
from deploy.local.standins.stripe.params import (
    Fields,
    boolean,
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
from deploy.local.standins.stripe.resources import prices, products

FIELDS: Fields = {
    "adjustable_quantity": may(object_of({"enabled": must(boolean())})),
    "metadata": may(metadata()),
    "price": may(text()),
    "price_data": may(
        object_of(
            {
                **prices.AMOUNT,
                "product": may(text()),
                "product_data": may(
                    object_of(
                        {**prices.PRODUCT_DATA, "description": may(text(40_000)), "images": may(list_of(url(), 8))}
                    )
                ),
            }
        )
    ),
    "quantity": may(integer(0, 999_999)),
}


def new_line(call: Call, sent: Json, param: str) -> Json:
    if ("price" in sent) == ("price_data" in sent):
        raise InvalidRequest(f"You must specify exactly one of `price` or `price_data` in {param}.", param=param)
    if "quantity" not in sent:
        raise InvalidRequest(
            f"Quantity is required. Add `quantity` to `{param}`", code="parameter_missing", param=f"{param}[quantity]"
        )
    price = _price(call, sent, param)
    amount = int((Decimal(price["unit_amount_decimal"]) * sent["quantity"]).quantize(Decimal(1), ROUND_HALF_UP))
    return {
        "id": ids.new_id("item"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": call.known("product", price["product"])["name"],
        "metadata": merged({}, sent.get("metadata")),
        "price": price,
        "quantity": sent["quantity"],
    }


def _price(call: Call, sent: Json, param: str) -> Json:
    """The price that is named, or one made for this session only, as Stripe does with `price_data`."""
    if "price" in sent:
        price = call.referred("price", sent["price"], f"{param}[price]")
        if not price["active"]:
            raise InvalidRequest("The price specified is inactive. This field only accepts active prices.", param=param)
    else:
        data = sent["price_data"]
        if ("product" in data) == ("product_data" in data):
            raise InvalidRequest(
                "You must specify exactly one of `product` or `product_data` when creating a price.",
                param=f"{param}[price_data]",
            )
        if "product" in data:
            product = call.referred("product", data["product"], f"{param}[price_data][product]")
        else:
            product = products.new_product(call, data["product_data"], active=False)
        price = prices.new_price(call, data, product["id"], active=False, prefix=f"{param}[price_data]")
    if price["type"] == "recurring":
        raise InvalidRequest("You must provide at least one recurring price in `subscription` mode only.", param=param)
    return price


def total(items: list[Json]) -> int:
    if not items:
        raise InvalidRequest("Missing required param: line_items.", code="parameter_missing", param="line_items")
    if len({item["currency"] for item in items}) > 1:
        raise InvalidRequest("All prices on a Checkout Session must use the same currency.", param="line_items")
    amount = sum(int(item["amount_total"]) for item in items)
    if amount > 0:
        money.check_chargeable(amount, items[0]["currency"], "line_items")
    return amount
