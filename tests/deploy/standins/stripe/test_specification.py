"""The judge itself: what departs from the published document is found."""

from typing import Any

import pytest

from tests.deploy.standins.stripe.server import Judge, Standin
from tests.deploy.standins.stripe.specification import Specification, specification


@pytest.fixture
def customer(standin: Standin) -> dict[str, Any]:
    """A customer as the stand-in answers it, made under the eyes of a judge of its own."""
    judge = Judge(specification())
    made = standin.client(judge).customers.create(params={"name": "Ada"})
    assert judge.problems == []
    return dict(made.to_dict())


def problems(spec: Specification, customer: dict[str, Any]) -> list[str]:
    operation = spec.operation("post", "/v1/customers")
    assert operation is not None
    return spec.problems_of_response(operation, 200, customer)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"created": "today"}, "created"),
        ({"livemode": None}, "livemode"),
        ({"tax_exempt": "always"}, "tax_exempt"),
        ({"object": "person"}, "object"),
    ],
)
def test_a_wrong_field_of_an_answer_is_found(customer: dict[str, Any], change: dict[str, Any], found: str) -> None:
    assert problems(specification(), customer) == []
    assert any(found in problem for problem in problems(specification(), {**customer, **change}))


@pytest.mark.parametrize("name", ["livemode", "description"])
def test_a_field_left_out_of_an_answer_is_found(customer: dict[str, Any], name: str) -> None:
    del customer[name]
    assert any(name in problem for problem in problems(specification(), customer))


def test_a_wrong_request_is_found() -> None:
    spec = specification()
    operation = spec.operation("post", "/v1/payment_intents")
    assert operation is not None
    assert spec.problems_of_request(operation, "amount=100&currency=usd&metadata[a]=b&expand[0]=customer") == []
    for wrong in ("amount=100", "amount=ten&currency=usd", "amount=100&currency=usd&colour=red"):
        assert spec.problems_of_request(operation, wrong) != []
    listing = spec.operation("get", "/v1/customers")
    assert listing is not None
    assert spec.problems_of_query(listing, "limit=3&created[gt]=5") == []
    assert spec.problems_of_query(listing, "colour=red") != []


def test_an_object_in_an_event_is_judged_too() -> None:
    event = {"id": "evt_1", "object": "event", "type": "customer.created", "data": {"object": {"object": "customer"}}}
    assert any("customer" in problem for problem in specification().problems_of_event(event))


def test_an_operation_that_stripe_does_not_have_is_found() -> None:
    assert specification().operation("get", "/v1/spaceships") is None
