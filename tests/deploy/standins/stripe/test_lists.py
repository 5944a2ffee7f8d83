"""Lists and expansion: pages, filters, cursors, and objects in the place of ids."""

from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import paid_intent, session_params
from tests.deploy.standins.stripe.server import Standin


@pytest.fixture
def people(client: Any) -> list[str]:
    """Five customers, oldest first."""
    return [client.customers.create(params={"name": f"n{number}"}).id for number in range(5)]


def ids(page: Any) -> list[str]:
    return [one.id for one in page.data]


def test_a_list_is_newest_first_and_says_whether_there_is_more(client: Any, people: list[str]) -> None:
    page = client.customers.list(params={"limit": 3})
    assert (ids(page), page.has_more, page.url) == (people[:1:-1], True, "/v1/customers")


def test_cursors_go_both_ways(client: Any, people: list[str]) -> None:
    after = client.customers.list(params={"limit": 2, "starting_after": people[4]})
    assert ids(after) == [people[3], people[2]]
    before = client.customers.list(params={"limit": 2, "ending_before": people[1]})
    assert (ids(before), before.has_more) == ([people[3], people[2]], True)
    newest = client.customers.list(params={"ending_before": people[3]})
    assert (ids(newest), newest.has_more) == ([people[4]], False)


def test_the_clients_own_paging_sees_everything_once(client: Any, people: list[str]) -> None:
    seen = [one.id for one in client.customers.list(params={"limit": 2}).auto_paging_iter()]
    assert [one for one in seen if one in people] == people[::-1]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"limit": "many"}])
def test_a_bad_limit_is_refused(client: Any, params: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.customers.list(params=params)
    assert (refusal.value.code, refusal.value.param) == ("parameter_invalid_integer", "limit")


def test_bad_cursors_are_refused(client: Any, people: list[str]) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.customers.list(params={"starting_after": "cus_nobody"})
    with pytest.raises(stripe.InvalidRequestError, match="only one"):
        client.customers.list(params={"starting_after": people[0], "ending_before": people[1]})


def test_created_is_a_moment_or_a_range(own: Standin, own_client: Any) -> None:
    first = own_client.products.create(params={"name": "early"})
    own.advance(100)
    second = own_client.products.create(params={"name": "late"})
    assert second.created >= first.created + 100
    assert ids(own_client.products.list(params={"created": {"gt": first.created}})) == [second.id]
    assert ids(own_client.products.list(params={"created": {"lte": first.created}})) == [first.id]
    assert ids(own_client.products.list(params={"created": second.created})) == [second.id]
    assert ids(own_client.products.list(params={"created": {"gte": second.created + 1}})) == []


def test_filters_choose_by_field(client: Any) -> None:
    product = client.products.create(params={"name": "Latin"})
    price = client.prices.create(
        params={"currency": "eur", "unit_amount": 100, "product": product.id, "lookup_key": "latin-eur"}
    )
    assert ids(client.prices.list(params={"lookup_keys": ["latin-eur", "none"]})) == [price.id]
    assert ids(client.prices.list(params={"product": product.id, "active": True})) == [price.id]
    assert ids(client.prices.list(params={"product": product.id, "active": False})) == []
    assert ids(client.products.list(params={"ids": [product.id]})) == [product.id]


def test_expansion_reaches_four_levels_and_through_lists(client: Any) -> None:
    customer = client.customers.create()
    intent = paid_intent(client, customer=customer.id)
    client.refunds.create(params={"payment_intent": intent.id})
    page = client.payment_intents.list(
        params={"limit": 1, "expand": ["data.latest_charge.customer", "data.latest_charge.balance_transaction.source"]}
    )
    charge = page.data[0].latest_charge
    assert charge.customer.id == customer.id
    assert charge.balance_transaction.source.id == charge.id
    refunds = client.charges.retrieve(charge.id, params={"expand": ["refunds.data.balance_transaction"]}).refunds
    assert refunds.data[0].balance_transaction.amount == -1000


def test_expansion_of_what_is_null_leaves_it_null(client: Any) -> None:
    intent = client.payment_intents.create(params={"amount": 100, "currency": "usd", "expand": ["latest_charge"]})
    assert intent.latest_charge is None


@pytest.mark.parametrize("path", ["colour", "metadata.x", "a.b.c.d.e", "latest_charge.status"])
def test_what_cannot_be_expanded_is_refused_and_nothing_is_done(client: Any, path: str) -> None:
    before = client.payment_intents.list(params={"limit": 1}).data[0].id
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        paid_intent(client, expand=[path])
    assert refusal.value.param == "expand"
    assert client.payment_intents.list(params={"limit": 1}).data[0].id == before


def test_line_items_have_their_own_pages(client: Any) -> None:
    items = [
        {
            "price_data": {"currency": "usd", "unit_amount": 100, "product_data": {"name": f"Part {number}"}},
            "quantity": 1,
        }
        for number in range(4)
    ]
    session = client.checkout.sessions.create(params=session_params(line_items=items))
    first = client.checkout.sessions.line_items.list(session.id, params={"limit": 3})
    assert ([item.description for item in first.data], first.has_more) == (["Part 0", "Part 1", "Part 2"], True)
    rest = client.checkout.sessions.line_items.list(session.id, params={"starting_after": first.data[2].id})
    assert ([item.description for item in rest.data], rest.has_more) == (["Part 3"], False)
    back = client.checkout.sessions.line_items.list(session.id, params={"limit": 2, "ending_before": rest.data[0].id})
    assert ([item.description for item in back.data], back.has_more) == (["Part 1", "Part 2"], True)
