"""Customers, products, prices and payment methods: made, changed, removed, announced."""

from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import event_types


def test_a_customer_lives_and_dies(client: Any) -> None:
    customer = client.customers.create(
        params={"email": "ada@example.com", "name": "Ada", "address": {"city": "London", "country": "GB"}}
    )
    assert (customer.address.city, customer.address.line1, customer.balance) == ("London", None, 0)
    changed = client.customers.update(customer.id, params={"name": "Ada L."})
    assert (changed.name, changed.email) == ("Ada L.", "ada@example.com")
    assert client.customers.delete(customer.id).deleted is True
    assert client.customers.retrieve(customer.id).deleted is True
    assert customer.id not in [one.id for one in client.customers.list().data]
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.customers.update(customer.id, params={"name": "Ghost"})
    assert event_types(client, customer.id) == ["customer.created", "customer.updated", "customer.deleted"]


def test_an_update_says_what_was_before(client: Any) -> None:
    customer = client.customers.create(params={"name": "Ada", "metadata": {"seat": "1", "room": "a"}})
    client.customers.update(customer.id, params={"name": "Eve", "metadata": {"seat": "2"}})
    event = client.events.list(params={"type": "customer.updated", "limit": 1}).data[0]
    assert event.data.previous_attributes.to_dict() == {"name": "Ada", "metadata": {"seat": "1"}}
    assert event.data.object.name == "Eve"
    assert client.events.retrieve(event.id).id == event.id


def test_a_bad_email_is_refused(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.customers.create(params={"email": "nobody"})
    assert (refusal.value.code, refusal.value.param) == ("email_invalid", "email")


def test_products_and_prices(client: Any) -> None:
    product = client.products.create(params={"name": "Latin", "images": ["https://example.com/latin.png"]})
    price = client.prices.create(
        params={"currency": "EUR", "unit_amount": 4900, "product": product.id, "nickname": "full"}
    )
    assert (price.currency, price.type, price.unit_amount_decimal, price.recurring) == ("eur", "one_time", 4900, None)
    assert client.products.update(product.id, params={"default_price": price.id}).default_price == price.id
    assert client.prices.update(price.id, params={"active": False}).active is False
    assert client.prices.retrieve(price.id, params={"expand": ["product"]}).product.name == "Latin"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        client.products.delete(product.id)
    unsold = client.products.create(params={"name": "Unsold"})
    assert client.products.delete(unsold.id).deleted is True


def test_a_price_can_bring_its_product(client: Any) -> None:
    price = client.prices.create(
        params={
            "currency": "usd",
            "unit_amount_decimal": "12.5",
            "product_data": {"name": "Greek"},
            "recurring": {"interval": "month"},
        }
    )
    assert (price.unit_amount, price.type, price.recurring.interval_count) == (None, "recurring", 1)
    assert client.products.retrieve(price.product).name == "Greek"


def test_a_price_needs_one_product_and_one_amount(client: Any) -> None:
    for params in (
        {"currency": "usd", "unit_amount": 1},
        {"currency": "usd", "product_data": {"name": "x"}},
        {"currency": "usd", "unit_amount": 1, "unit_amount_decimal": "1", "product_data": {"name": "x"}},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            client.prices.create(params=params)


def test_a_lookup_key_belongs_to_one_price(client: Any) -> None:
    params = {"currency": "usd", "unit_amount": 1, "product_data": {"name": "x"}, "lookup_key": "only-one"}
    first = client.prices.create(params=params)
    with pytest.raises(stripe.InvalidRequestError, match=first.id):
        client.prices.create(params=params)
    second = client.prices.create(params={**params, "transfer_lookup_key": True})
    assert (second.lookup_key, client.prices.retrieve(first.id).lookup_key) == ("only-one", None)
    assert client.prices.update(second.id, params={"lookup_key": "only-one"}).lookup_key == "only-one"


def test_a_payment_method_is_attached_and_detached(client: Any) -> None:
    customer = client.customers.create()
    method = client.payment_methods.create(params={"type": "card", "card": {"token": "tok_visa"}})
    attached = client.payment_methods.attach(method.id, params={"customer": customer.id})
    assert (attached.customer, attached.card.last4, attached.card.brand) == (customer.id, "4242", "visa")
    changed = client.payment_methods.update(method.id, params={"billing_details": {"name": "Ada"}})
    assert changed.billing_details.name == "Ada"
    assert [one.id for one in client.customers.payment_methods.list(customer.id).data] == [method.id]
    assert client.customers.payment_methods.retrieve(customer.id, method.id).id == method.id
    assert client.payment_methods.detach(method.id).customer is None
    assert client.payment_methods.list(params={"customer": customer.id}).data == []
    assert event_types(client, method.id) == [
        "payment_method.attached",
        "payment_method.updated",
        "payment_method.detached",
    ]


def test_a_ready_made_card_becomes_a_fresh_payment_method(client: Any) -> None:
    customer = client.customers.create()
    one = client.payment_methods.attach("pm_card_mastercard", params={"customer": customer.id})
    two = client.payment_methods.attach("pm_card_mastercard", params={"customer": customer.id})
    assert one.card.brand == "mastercard"
    assert one.id != two.id
    assert client.payment_methods.retrieve(one.id).id == one.id


def test_a_declined_card_cannot_be_attached_and_a_failing_one_can(client: Any) -> None:
    customer = client.customers.create()
    with pytest.raises(stripe.CardError) as refusal:
        client.payment_methods.attach("pm_card_chargeDeclined", params={"customer": customer.id})
    assert refusal.value.code == "card_declined"
    assert client.payment_methods.attach("pm_card_chargeCustomerFail", params={"customer": customer.id}).id


def test_card_numbers_are_not_taken_by_the_api(client: Any) -> None:
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    with pytest.raises(stripe.CardError, match="unsafe"):
        client.payment_methods.create(params={"type": "card", "card": card})
